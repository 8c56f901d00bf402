"""Canonical form of a URL: what two addresses of one page have in common.

Ours, in this order:
 1. white space and control characters at the ends, tabs and line ends inside: removed;
 2. scheme: lower case; `http` becomes `https` (a page served by both is one page);
 3. user and password: removed;
 4. host: lower case, IDN in punycode, no final dot, no leading `www.` where a dot remains;
 5. port: removed where it is 80 or 443 or empty;
 6. path: `\\` is `/`; `.` and `..` resolved; session ids (`;jsessionid=…`) removed; final `/` removed;
 7. percent-encoding: letters, digits, `-._~` unescaped, all else that needs it escaped as UTF-8 in
    upper-case hex; `+` in a query is a space;
 8. query: tracking parameters and session ids removed, the rest sorted by name (equal names keep their
    order), an empty query removed;
 9. fragment: removed, but for `#!…`, which names a page of its own on older script sites.
Case of paths, repeated slashes, `index.html`, and names without a value stay as they are.
"""

from __future__ import annotations

import re
from functools import lru_cache

from curation.domains import host_of

TRACKING = frozenset(
    {
        "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "fbclid", "msclkid", "yclid", "ysclid", "twclid",
        "ttclid", "igshid", "igsh", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi", "__hstc", "__hssc",
        "__hsfp", "hsctatracking", "mkt_tok", "vero_id", "vero_conv", "oly_anon_id", "oly_enc_id",
        "wickedid", "s_cid", "icid", "ncid", "cmpid", "rb_clickid", "_openstat", "spm", "srsltid",
        "pk_campaign", "pk_kwd", "pk_keyword", "pk_source", "pk_medium", "pk_content", "pk_cid",
    }
)  # fmt: skip
"""Query parameters that only say where a visitor came from (lower case)."""
TRACKING_PREFIXES = ("utm_", "mtm_", "piwik_", "matomo_", "hsa_")
SESSIONS = frozenset({"jsessionid", "phpsessid", "sessionid", "session_id", "zenid", "oscsid", "cfid", "cftoken"})
SESSION_PREFIXES = ("aspsessionid",)

_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?//([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~!$&'()*+,:@=]*)*")
# `sid` names a session on forums, an article on other sites: a session if it looks like one.
_SESSION_VALUE = re.compile(r"[0-9A-Fa-f]{16,}|[0-9A-Za-z]{26,}")
_CONTROLS = "".join(map(chr, range(33))) + "\x7f"
_INNER = str.maketrans("", "", "\t\r\n")
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid|sessionid)=[^/;]*", re.IGNORECASE)
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})|(.)", re.DOTALL)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_IN_PATH = _UNRESERVED | frozenset(b"!$&'()*+,;:@=/")
_IN_QUERY = _UNRESERVED | frozenset(b"!$'()*,;:@/?=")
_hosts = lru_cache(1 << 16)(host_of)


def canonical_url(url: str) -> str:
    """Canonical form of a URL, as described at the head of this file.

    What has no host comes back without white space at its ends. Linear in the URL's length.
    """
    url = url.strip(_CONTROLS).translate(_INNER)
    slashed = url if "\\" not in url else _slashes(url)
    parts = _URL.fullmatch(slashed)
    host = _hosts(parts[2]) if parts else None
    if parts is None or host is None:
        return url
    scheme, authority, path, query, fragment = parts.groups("")
    scheme = (scheme or "https").lower()
    scheme = "https" if scheme == "http" else scheme
    if host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    port = authority.rpartition("@")[2].rpartition("]")[2].rpartition(":")[2] if ":" in authority else ""
    port = port.lstrip("0") if port.isdigit() and port not in ("80", "443") else ""
    where = f"{scheme}://{host}:{port}" if port else f"{scheme}://{host}"
    if not _PLAIN_PATH.fullmatch(path):
        path = _path(path)
    path = path.rstrip("/") if path.endswith("/") else path
    if query:
        query = _query(query)
    shebang = f"#{_escape(fragment, _IN_QUERY)}" if fragment.startswith("!") else ""
    return f"{where}{path}?{query}{shebang}" if query else f"{where}{path}{shebang}"


def _slashes(url: str) -> str:
    """Backslashes before the query are slashes, as browsers read them."""
    cut = re.search(r"[?#]", url)
    at = cut.start() if cut else len(url)
    return url[:at].replace("\\", "/") + url[at:]


def _path(path: str) -> str:
    if ";" in path:
        path = _PATH_SESSION.sub("", path)
    kept: list[str] = []
    segments = _escape(path, _IN_PATH).split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "".join(f"/{segment}" for segment in kept)


def _query(query: str) -> str:
    pairs = []
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        low = name.lower()
        if not pair or low in TRACKING or low.startswith(TRACKING_PREFIXES):
            continue
        if low in SESSIONS or low.startswith(SESSION_PREFIXES):
            continue
        if low in ("sid", "s") and _SESSION_VALUE.fullmatch(value):
            continue
        name, value = (_escape(part.replace("+", "%20"), _IN_QUERY) for part in (name, value))
        pairs.append((name, f"{name}{equals}{value}"))
    pairs.sort(key=lambda pair: pair[0])
    return "&".join(text for _, text in pairs)


def _escape(text: str, legal: frozenset[int]) -> str:
    """Percent-encoding made uniform; a `%` that escapes nothing is itself escaped."""
    if "%" not in text and text.isascii() and legal.issuperset(text.encode()):
        return text

    def one(found: re.Match[bytes]) -> bytes:
        if found[1] is not None:
            byte = int(found[1], 16)
            return bytes([byte]) if byte in _UNRESERVED else b"%" + found[1].upper()
        return found[2] if found[2][0] in legal else b"%%%02X" % found[2][0]

    return _ESCAPED.sub(one, text.encode("utf-8", "replace")).decode("ascii")
