"""Numbers that are personal data: phone, card and social security numbers, IPv4 addresses, IBANs.

A *sequence* is a run of groups of digits with single separators between them, such as `+49 (0)30 23125-920`. It is cut into
groups once; every group behind white space may begin a number. A number ends where a group ends that is not glued to more.
What has a check digit, a valid range or a form of its own is taken as it is, all else needs a word beside it (`context.py`).

Cards: ISO/IEC 7812, issuer ranges as published by the schemes, Luhn's check digit. IBAN: ISO 13616, remainder 97.
SSN: the Social Security Administration's invalid ranges (area 000, 666, 900 to 999; group 00; serial 0000).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stages.safety.pii.context import AFTER_IP, AFTER_PHONE, CARD, IP, OTHER, PHONE, SSN, is_digit, is_letter, word_after, words_before

_I: Any = np.int64
MAX_GROUPS = 16
NONE, SPACE, DASH, DOT, SLASH, OPEN, CLOSE, WIDE_DASH = range(8)
"""What stands between two groups: nothing that joins them, a space, `-`, `.`, `/`, `(`, `)`, ` - `."""
START, END, SEPARATOR = range(3)
"""Columns of a sequence: int64 (MAX_GROUPS, 3); the separator is the one behind the group."""
_UNREAD = -1
_MIN_PHONE, _MAX_PHONE = 7, 12
"""Digits of a phone number that only the words beside it tell (E.164 allows 15; ours)."""


@njit(cache=True)
def _separator(data: Any, i: Any, end: Any) -> Any:
    """(kind, bytes) of the separator at i, before a digit; (NONE, 0) if there is none."""
    b = data[i]
    kind, width = NONE, 1
    if b == 32:
        kind = SPACE
        if i + 3 < end and data[i + 1] == 45 and data[i + 2] == 32:
            kind, width = WIDE_DASH, 3
        elif i + 2 < end and data[i + 1] == 40:
            kind, width = OPEN, 2
    elif b == 45:
        kind = DASH
        if i + 2 < end and data[i + 1] == 40:
            kind, width = OPEN, 2
    elif b == 46:
        kind = DOT
    elif b == 47:
        kind = SLASH
    elif b == 40:
        kind = OPEN
    elif b == 41:
        kind = CLOSE
        if i + 2 < end and (data[i + 1] == 32 or data[i + 1] == 45 or data[i + 1] == 46):
            width = 2
    elif b == 0xC2 and i + 1 < end and data[i + 1] == 0xA0:
        kind, width = SPACE, 2
    elif b == 0xE2 and i + 2 < end and data[i + 1] == 0x80:
        third = data[i + 2]
        if third == 0x89 or third == 0xAF:
            kind, width = SPACE, 3
        elif 0x90 <= third <= 0x93:
            kind, width = DASH, 3
    if kind != NONE and i + width < end and is_digit(data[i + width]):
        return kind, width
    return NONE, 0


@njit(cache=True)
def read_sequence(data: Any, i: Any, end: Any, groups: Any) -> Any:
    """Cut the sequence that starts with the digit at i into `groups`, at most MAX_GROUPS. Returns: how many."""
    n = 0
    while True:
        begin = i
        while i < end and is_digit(data[i]):
            i += 1
        kind, width = (NONE, 0) if i >= end else _separator(data, i, end)
        if n + 1 == MAX_GROUPS:
            kind = NONE
        groups[n, START], groups[n, END], groups[n, SEPARATOR] = begin, i, kind
        n += 1
        if kind == NONE:
            return n
        i += width


@njit(cache=True)
def _glued_before(data: Any, low: Any, i: Any) -> bool:
    """Whether the number that starts at i is the end of a word, of a decimal, or of a code with hyphens."""
    if i <= low:
        return False
    b = data[i - 1]
    if is_letter(b) or is_digit(b) or b == 95:
        return True
    if i - 1 <= low:
        return False
    a = data[i - 2]
    if b == 46 or b == 44 or b == 58:
        return is_digit(a)
    if b == 43:
        return bool(a == 43)
    return bool(b == 45 and (is_letter(a) or is_digit(a)))


@njit(cache=True)
def _ends(data: Any, groups: Any, last: Any, n: Any, end: Any) -> bool:
    """Whether a number may end with group `last` of n."""
    kind = groups[last, SEPARATOR]
    if kind != NONE:
        return bool(kind in (SPACE, WIDE_DASH) or (kind == OPEN and data[groups[last, END]] == 32))
    i = groups[last, END]
    if i >= end:
        return True
    b = data[i]
    if is_letter(b) or b == 95 or b == 64:
        return False
    return not ((b == 44 or b == 46) and i + 1 < end and is_digit(data[i + 1]))


@njit(cache=True)
def _digits(groups: Any, first: Any, last: Any) -> Any:
    """Digits of groups first to last."""
    total = 0
    for k in range(first, last + 1):
        total += groups[k, END] - groups[k, START]
    return total


@njit(cache=True)
def _value(data: Any, start: Any, end: Any) -> Any:
    """The digits of data[start:end], at most 9, as a number."""
    value = 0
    for i in range(start, min(end, start + 9)):
        value = value * 10 + (_I(data[i]) - 48)
    return value


@njit(cache=True)
def _luhn(data: Any, start: Any, end: Any) -> bool:
    """Luhn's check over the digits of data[start:end]."""
    total, double = 0, False
    for i in range(end - 1, start - 1, -1):
        if not is_digit(data[i]):
            continue
        digit = _I(data[i]) - 48
        if double:
            digit = 2 * digit - 9 if digit > 4 else 2 * digit
        total += digit
        double = not double
    return total % 10 == 0


@njit(cache=True)
def _is_ean13(data: Any, start: Any) -> bool:
    """Whether 13 digits from start are a valid EAN-13."""
    total = 0
    for k in range(13):
        total += (_I(data[start + k]) - 48) * (3 if k % 2 else 1)
    return total % 10 == 0


@njit(cache=True)
def _issued(prefix: Any, length: Any) -> bool:
    """Whether a card scheme gives numbers of this length that begin with this prefix of six digits."""
    two, three, four = prefix // 10_000, prefix // 1_000, prefix // 100
    if prefix // 100_000 == 4:  # Visa
        return bool(length == 13 or length == 16 or length == 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:  # Mastercard
        return bool(length == 16)
    if two == 34 or two == 37:  # American Express
        return bool(length == 15)
    if two == 36 or two == 38 or two == 39 or 300 <= three <= 305 or four == 3095:  # Diners Club
        return bool(14 <= length <= 19)
    if 3528 <= four <= 3589:  # JCB
        return bool(16 <= length <= 19)
    if four == 6011 or 644 <= three <= 649 or two == 65 or two == 60 or two == 81 or two == 82:  # Discover, RuPay
        return bool(16 <= length <= 19)
    if two == 62 or 2200 <= four <= 2205:  # UnionPay, Mir
        return bool(16 <= length <= 19)
    return bool((two == 50 or 56 <= two <= 58 or two == 63 or two == 67) and 14 <= length <= 19)  # Maestro, from 12 where it is named


@njit(cache=True)
def _card(data: Any, groups: Any, g: Any, n: Any, end: Any, before: Any, tight: Any) -> Any:
    """Last group of the card number that begins with group g, -1 for none.

    tight: it stands behind `/`, `=`, `&` or `#`, as numbers in addresses and of reports do, or between the parentheses of a call.
    """
    first = groups[g, END] - groups[g, START]
    if first < 4 or (4 < first < 12) or first > 19 or (before & OTHER) != 0:
        return -1
    kind = groups[g, SEPARATOR]
    for last in range(g, min(n, g + 5)):
        if last > g:
            size = groups[last, END] - groups[last, START]
            joined = groups[last - 1, SEPARATOR]
            if joined != kind or (kind != SPACE and kind != DASH) or first != 4 or not (3 <= size <= 6):
                return -1
        length = _digits(groups, g, last)
        if length < (12 if last == g else 13) or length > 19 or not _ends(data, groups, last, n, end):
            continue
        start, stop = groups[g, START], groups[last, END]
        prefix, digits = _I(0), 0
        for i in range(start, stop):
            if is_digit(data[i]) and digits < 6:
                prefix = prefix * 10 + (_I(data[i]) - 48)
                digits += 1
        named = (before & CARD) != 0
        if not _luhn(data, start, stop):
            continue
        if named:
            return last
        if tight or length > 16 or not _issued(prefix, length) or (length == 13 and last == g and _is_ean13(data, start)):
            continue
        return last
    return -1


@njit(cache=True)
def _ssn(data: Any, groups: Any, g: Any, n: Any, end: Any, before: Any) -> Any:
    """Last group of the social security number that begins with group g, of 9 digits or the first of 3, 2 and 4; -1 for none."""
    last = g
    if groups[g, END] - groups[g, START] == 3:
        kind = groups[g, SEPARATOR]
        if kind != groups[g + 1, SEPARATOR] or not (kind == DASH or (kind == SPACE and (before & SSN) != 0)):
            return -1
        last = g + 2
    elif (before & SSN) == 0:
        return -1
    if (before & (OTHER | PHONE)) != 0 and (before & SSN) == 0:
        return -1
    if not _ends(data, groups, last, n, end):
        return -1
    number = 0
    for i in range(groups[g, START], groups[last, END]):
        if is_digit(data[i]):
            number = number * 10 + (_I(data[i]) - 48)
    area, group, serial = number // 1_000_000, number // 10_000 % 100, number % 10_000
    return last if 0 < area < 900 and area != 666 and group > 0 and serial > 0 else -1


@njit(cache=True)
def octets(data: Any, groups: Any, g: Any, n: Any) -> bool:
    """Whether groups g to g + 3 are the four numbers of an IPv4 address."""
    if g + 4 > n:
        return False
    for k in range(g, g + 4):
        size = groups[k, END] - groups[k, START]
        if size > 3 or (size > 1 and data[groups[k, START]] == 48) or _value(data, groups[k, START], groups[k, END]) > 255:
            return False
        if k < g + 3 and groups[k, SEPARATOR] != DOT:
            return False
    return True


@njit(cache=True)
def _is_ipv4(data: Any, groups: Any, g: Any, n: Any, end: Any, before: Any, after: Any) -> bool:
    """Whether an IPv4 address begins with group g; four small numbers may be a version or a section, so words decide."""
    if not octets(data, groups, g, n):
        return False
    kind = groups[g + 3, SEPARATOR]
    if kind == SLASH:  # a prefix length or a path
        pass
    elif not _ends(data, groups, g + 3, n, end):
        return False
    if (before & IP) != 0 or (after & AFTER_IP) != 0:
        return True
    if (before & OTHER) != 0:
        return False
    first, large = _value(data, groups[g, START], groups[g, END]), 0
    for k in range(g + 1, g + 4):
        large += _value(data, groups[k, START], groups[k, END]) >= 64
    return bool(first >= 24 or large >= 2)


@njit(cache=True)
def _is_year(data: Any, groups: Any, k: Any) -> bool:
    """Whether group k is a year of the centuries people write about."""
    return bool(groups[k, END] - groups[k, START] == 4 and 1500 <= _value(data, groups[k, START], groups[k, END]) < 2100)


@njit(cache=True)
def _is_date(data: Any, groups: Any, g: Any, last: Any) -> bool:
    """Whether groups g to last are a date (a year, first or last, and at most two pairs of digits), or a range of years."""
    start, stop = groups[g, START], groups[last, END]
    if last == g:
        if stop - start != 8 or not 1500 <= _value(data, start, start + 4) < 2100:
            return False
        return bool(_value(data, start + 4, start + 6) <= 12 and _value(data, start + 6, stop) <= 31)
    if last == g + 1:
        return _is_year(data, groups, g) and _is_year(data, groups, last)
    return bool(last == g + 2 and _digits(groups, g, last) <= 8 and (_is_year(data, groups, g) or _is_year(data, groups, last)))


@njit(cache=True)
def _international(data: Any, groups: Any, g: Any, n: Any, end: Any, skip: Any, national: Any) -> Any:
    """Last group of the number in international form that begins with group g; -1 for none.

    skip: digits before the calling code (2 for `00`). national: `national_digits()`.
    """
    code, digits, i = 0, 0, groups[g, START] + skip
    first = g
    if i >= groups[g, END]:
        first = g + 1
        if first >= n:
            return -1
        i = groups[first, START]
    if data[i] == 48:
        return -1
    while i < groups[first, END] and digits < 3 and (digits == 0 or national[code, 1] == 0):
        code = code * 10 + (_I(data[i]) - 48)
        digits += 1
        i += 1
    fewest, most = national[code, 0], national[code, 1]
    if most == 0:
        return -1
    found = -1
    count = groups[first, END] - i
    for last in range(first, n):
        if last > first:
            size = groups[last, END] - groups[last, START]
            opened = groups[last - 1, SEPARATOR] == OPEN
            trunk = opened and size == 1 and data[groups[last, START]] == 48 and groups[last, SEPARATOR] == CLOSE
            count += 0 if trunk else size
        if count > most:
            break
        if count >= fewest and _ends_phone(data, groups, last, n, end):
            found = last
            if groups[last, SEPARATOR] == SPACE and last > first and groups[last - 1, SEPARATOR] != SPACE and count > fewest:
                break
    return found


@njit(cache=True)
def _ends_phone(data: Any, groups: Any, last: Any, n: Any, end: Any) -> bool:
    """As `_ends`; an extension (`x12`) may follow."""
    if _ends(data, groups, last, n, end):
        return True
    i = groups[last, END]
    return bool(groups[last, SEPARATOR] == NONE and i + 1 < end and (data[i] | 32) == 120 and is_digit(data[i + 1]))


@njit(cache=True)
def _sizes(groups: Any, g: Any, n: Any, a: Any, b: Any, c: Any) -> bool:
    """Whether the three groups from g have a, b and c digits."""
    return bool(
        g + 3 <= n
        and groups[g, END] - groups[g, START] == a
        and groups[g + 1, END] - groups[g + 1, START] == b
        and groups[g + 2, END] - groups[g + 2, START] == c
    )


@njit(cache=True)
def _well_formed(data: Any, groups: Any, g: Any, n: Any, end: Any, in_parens: Any) -> Any:
    """Last group of a national number whose form alone tells, -1 for none.

    North America `212-555-0123`, `(212) 555-0123`; Russia `8 (495) 555-71-29`; an area code in parentheses and 8 to 11
    digits in all; a leading 0 and 9 to 11 digits in one style, as in Europe, Australia, Japan.
    """
    first = groups[g, START]
    size = groups[g, END] - first
    kind = groups[g, SEPARATOR]
    head = g + 1 if size == 1 and (data[first] == 49 or data[first] == 56) and kind != NONE else g
    if _sizes(groups, head, n, 3, 3, 4) and data[groups[head, START]] >= 50 and data[groups[head + 1, START]] >= 50:
        one, two = groups[head, SEPARATOR], groups[head + 1, SEPARATOR]
        styled = (one == two and one != SPACE and one != SLASH) or (one == CLOSE and two != SLASH) or (one == SLASH and two == DASH)
        if styled and _ends_phone(data, groups, head + 2, n, end):
            return head + 2
    if head == g + 1 and data[first] == 56 and kind == OPEN and groups[head, SEPARATOR] == CLOSE:
        for last in range(head + 1, min(n, head + 4)):
            if _digits(groups, g, last) == 11 and _ends(data, groups, last, n, end):
                return last
    if in_parens and kind == CLOSE and 2 <= size <= 5 and not (size == 4 and (data[first] == 49 or data[first] == 50)):
        found = -1
        for last in range(g + 1, min(n, g + 5)):
            if last > g + 1 and groups[last - 1, SEPARATOR] != SPACE and groups[last - 1, SEPARATOR] != DASH:
                break
            total = _digits(groups, g, last)
            if total > 11:
                break
            if total >= 8 and groups[last, END] - groups[last, START] >= 2 and _ends(data, groups, last, n, end):
                found = last
                if groups[last - 1, SEPARATOR] == DASH:
                    break
        return found
    if 2 <= size <= 5 and data[first] == 48 and data[first + 1] != 48 and SPACE <= kind <= SLASH:
        found = -1
        pairs = size == 2
        for last in range(g + 1, min(n, g + 5)):
            width = groups[last, END] - groups[last, START]
            if last > g + (1 if kind == DOT else 2) and groups[last - 1, SEPARATOR] != groups[last - 2, SEPARATOR]:
                break
            total = _digits(groups, g, last)
            pairs = pairs and width == 2 and groups[last - 1, SEPARATOR] == kind
            if total > 11 or width < 2 or groups[last - 1, SEPARATOR] > SLASH:
                break
            ended = _ends(data, groups, last, n, end)
            fewest = 10 if last == g + 1 or kind == SPACE else 9
            if ended and ((total == 10 and pairs) or (total >= fewest and width >= 3 and not _is_date(data, groups, g, last))):
                found = last
        crowd = n - g > 7 and kind == SPACE  # rows of numbers
        return -1 if crowd else found
    return -1


@njit(cache=True)
def _named(data: Any, groups: Any, g: Any, n: Any, end: Any) -> Any:
    """Last group of a number of 7 to 12 digits that words call a phone number, -1 for none."""
    found, dotted = -1, False
    for last in range(g, min(n, g + 7)):
        total = _digits(groups, g, last)
        if total > _MAX_PHONE:
            break
        if last > g and groups[last - 1, SEPARATOR] == DOT:
            dotted = True
            if groups[last, END] - groups[last, START] < 2 or groups[g, END] - groups[g, START] < 2:
                return found
        if dotted and last < g + 2:  # a decimal number
            continue
        if total >= _MIN_PHONE and _ends_phone(data, groups, last, n, end) and not _is_date(data, groups, g, last):
            found = last
            # A number written with hyphens or dots does not go on behind a space.
            if last > g and groups[last - 1, SEPARATOR] != SPACE and groups[last - 1, SEPARATOR] != CLOSE:
                break
    return found


@njit(cache=True)
def _extension(data: Any, i: Any, end: Any) -> Any:
    """End of the extension (`x12`, `ext. 12`) behind a phone number that ends at i; i for none."""
    k = i
    while k < end and k < i + 2 and (data[k] == 32 or data[k] == 44):
        k += 1
    if k >= end or (data[k] | 32) not in (101, 120):
        return i
    if (data[k] | 32) == 101:
        if k + 2 >= end or (data[k + 1] | 32) != 120 or (data[k + 2] | 32) != 116:
            return i
        k += 2
    k += 1
    while k < end and k < i + 8 and (data[k] == 32 or data[k] == 46 or data[k] == 58):
        k += 1
    begin = k
    while k < end and k < begin + 6 and is_digit(data[k]):
        k += 1
    return k if k > begin and not (k < end and (is_digit(data[k]) or is_letter(data[k]))) else i


@njit(cache=True)
def iban_end(data: Any, low: Any, i: Any, end: Any, lengths: Any) -> Any:
    """End of the IBAN whose check digits start at i, behind two letters; 0 for none, -1 where a check fails.

    In capitals it may be written in groups behind single spaces. lengths: `iban_lengths()`.
    """
    if i - 2 < low or i + 2 >= end or not (is_letter(data[i - 1]) and is_letter(data[i - 2])):
        return 0
    case = _I(data[i - 1]) & 32
    if _I(data[i - 2]) & 32 != case:
        return 0
    if i - 3 >= low and (is_letter(data[i - 3]) or is_digit(data[i - 3])):
        return 0
    left = lengths[26 * (_I(data[i - 2]) - case - 65) + _I(data[i - 1]) - case - 65] - 2
    if left < 0:
        return 0
    remainder = 0
    k = i
    checked = 0  # the two check digits are read again behind all else, with the country
    while left > 0 and k < end:
        b = _I(data[k])
        if b == 32 and case == 0 and checked >= 2 and data[k - 1] != 32:
            k += 1
            continue
        if is_letter(data[k]):
            if b & 32 != case:
                return -1
            b -= case
        elif not is_digit(data[k]):
            return -1
        if checked < 2:
            if b > 57:
                return -1
        elif b <= 57:
            remainder = (remainder * 10 + b - 48) % 97
        else:
            remainder = (remainder * 100 + b - 55) % 97
        checked += 1
        left -= 1
        k += 1
    if left > 0 or (k < end and (is_letter(data[k]) or is_digit(data[k]))):
        return -1
    for b in (data[i - 2], data[i - 1]):
        remainder = (remainder * 100 + _I(b) - case - 55) % 97
    for b in (data[i], data[i + 1]):
        remainder = (remainder * 10 + _I(b) - 48) % 97
    return k if remainder == 1 else -1


@njit(cache=True)
def number_at(data: Any, low: Any, groups: Any, g: Any, n: Any, end: Any, words: Any, national: Any) -> Any:
    """The number that begins with group g of a sequence of n.

    Words before the sequence are looked for only where something has the form of a number they could name; they name its first.

    Args:
        low, end: bounds of the document, or of what is not yet part of a find. words: `trie()`. national: `national_digits()`.
    Returns: (what it is: IP, CARD, SSN, PHONE or 0; its start; its end; its last group).
    """
    start, size = groups[g, START], groups[g, END] - groups[g, START]
    if g == 0 and _glued_before(data, low, start):
        return _I(0), start, start, g
    before = _I(_UNREAD) if g == 0 else _I(0)
    if groups[g, SEPARATOR] == DOT and octets(data, groups, g, n):
        before = words_before(data, low, start, words) if before == _UNREAD else before
        after = word_after(data, groups[g + 3, END], end, words)
        if _is_ipv4(data, groups, g, n, end, before, after):
            return _I(IP), start, groups[g + 3, END], g + 3
    previous = _I(data[start - 1]) if start > low else _I(32)
    called = previous == 40 and start - 2 >= low and (is_letter(data[start - 2]) or is_digit(data[start - 2]) or data[start - 2] == 95)
    tight = called or previous == 47 or previous == 61 or previous == 38 or previous == 35
    if 12 <= size <= 19 or (size == 4 and n - g >= 3):
        before = words_before(data, low, start, words) if before == _UNREAD else before
        last = _card(data, groups, g, n, end, before, tight)
        if last >= 0:
            return _I(CARD), start, groups[last, END], last
    if size == 9 or _sizes(groups, g, n, 3, 2, 4):
        before = words_before(data, low, start, words) if before == _UNREAD else before
        last = _ssn(data, groups, g, n, end, before)
        if last >= 0:
            return _I(SSN), start, groups[last, END], last
    if start > low and (previous == 43 or (previous == 40 and start - 1 > low and data[start - 2] == 43)):
        begin = start - 1 if previous == 43 else start - 2
        if _glued_before(data, low, begin):
            return _I(0), start, start, g
        last = _international(data, groups, g, n, end, _I(0), national)
    else:
        begin = start - 1 if previous == 40 and groups[g, SEPARATOR] == CLOSE else start
        last = _I(-1)
        if not tight:
            last = _well_formed(data, groups, g, n, end, begin < start)
            if size >= 2 and data[start] == 48 and data[start + 1] == 48:
                last = _international(data, groups, g, n, end, _I(2), national)
                last = last if last >= g + 2 else -1
            if last >= 0:
                before = words_before(data, low, start, words) if before == _UNREAD else before
                last = last if (before & OTHER) == 0 else -1
            if last < 0:
                candidate = _named(data, groups, g, n, end)
                if candidate >= 0:
                    before = words_before(data, low, start, words) if before == _UNREAD else before
                    if (before & PHONE) != 0 or (word_after(data, groups[candidate, END], end, words) & AFTER_PHONE) != 0:
                        last = candidate
    if last < 0:
        return _I(0), start, start, g
    return _I(PHONE), begin, _extension(data, groups[last, END], end), last
