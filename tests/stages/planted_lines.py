"""Pages with machine output planted in them, and good pages that repeat themselves: what repeated_lines is judged on.

A kind is a function of a random generator to some lines. Kinds for choosing were looked at when the stage's rules and numbers were
chosen. Held-out ones were measured meanwhile (two that failed, genealogy and prices, were then put among the
former); fresh ones were written and measured when all was done.
"""

import random
from collections.abc import Callable

_WORDS = (
    "river stone garden window market paper winter letter morning bridge yellow silver captain kitchen forest village music mountain "
    "doctor evening shadow history journey island engine candle harbour orchard painter station theatre valley weather farmer "
    "copper thunder basket mirror pocket ladder velvet meadow lantern cottage sailor cellar ribbon saddle timber walnut anchor "
    "she he they we found carried opened watched followed remembered painted crossed counted borrowed mended wrote sold kept lost "
    "the a an of and to in was with their for each other on which before after new old never always under over behind between"
)
_IDENTS = (
    "user session cache index buffer parser handler worker config request response client server node queue table token stream record "
    "manager factory service loader filter context socket thread pool event message packet driver device module kernel"
)
WORDS, IDENTS = _WORDS.split(), _IDENTS.split()


def word(rng):
    return rng.choice(WORDS)


def phrase(rng, low, high):
    return " ".join(word(rng) for _ in range(rng.randint(low, high)))


def sentence(rng, low=8, high=18):
    return phrase(rng, low, high).capitalize() + "."


def paragraph(rng):
    return " ".join(sentence(rng) for _ in range(rng.randint(3, 6)))


def ident(rng):
    return rng.choice(IDENTS)


def number(rng, high=9999):
    return rng.randint(1, high)


def hexa(rng, n=8):
    return "".join(rng.choice("0123456789abcdef") for _ in range(n))


def address(rng):
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def clock(rng):
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"


def day(rng):
    return f"20{rng.randint(10, 24)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def path(rng, low=1, high=4):
    return "/" + "/".join(ident(rng) for _ in range(rng.randint(low, high)))


# -- machine output ---------------------------------------------------------------------------------


def web_server(rng, n):
    agents = [
        "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/115.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
    ]
    made = []
    for _ in range(n):
        head = f'{address(rng)} - - [{rng.randint(1, 28)}/Mar/2021:{clock(rng)} +0000] "GET {path(rng)}.html HTTP/1.1" '
        made.append(head + f'{rng.choice([200, 304, 404])} {number(rng)} "-" "{rng.choice(agents)}"')
    return made


def syslog(rng, n):
    pid, host = number(rng), ident(rng)
    forms = [
        lambda: f"Failed password for {ident(rng)} from {address(rng)} port {number(rng)} ssh2",
        lambda: f"Connection closed by {address(rng)} port {number(rng)} [preauth]",
        lambda: f"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={address(rng)}",
    ]
    return [f"Mar {rng.randint(1, 28)} {clock(rng)} {host} sshd[{pid + k}]: {rng.choice(forms)()}" for k in range(n)]


def java_trace(rng, n):
    package = [f"org.{ident(rng)}.{ident(rng)}.{ident(rng)}" for _ in range(3)]
    made = [f"java.lang.IllegalStateException: {ident(rng)} {number(rng)}"]
    while len(made) < n:
        cls = ident(rng).title() + ident(rng).title()
        made.append(f"\tat {rng.choice(package)}.{cls}.{ident(rng)}({cls}.java:{number(rng, 900)})")
    return made


def compiler(rng, n):
    made = []
    for _ in range(n):
        file = f"src/{ident(rng)}/{ident(rng)}.c"
        made.append(
            rng.choice([
                f"{file}:{number(rng, 900)}:{number(rng, 80)}: error: '{ident(rng)}' undeclared (first use in this function)",
                f"{file}:{number(rng, 900)}:{number(rng, 80)}: warning: unused variable '{ident(rng)}' [-Wunused-variable]",
                f"{file}:{number(rng, 900)}:{number(rng, 80)}: note: each undeclared identifier is reported only once for each function",
            ])
        )  # fmt: skip
    return made


def sql_dump(rng, n):
    table = ident(rng)
    return [
        f"INSERT INTO `{table}` VALUES ({k},'{word(rng)}','{word(rng)}@example.com','{day(rng)} {clock(rng)}',{number(rng)},NULL,0);"
        for k in range(n)
    ]


def app_log(rng, n):
    forms = [
        lambda: f"INFO com.{ident(rng)}.Main - Processed {number(rng)} records in {number(rng)} ms",
        lambda: f"WARN com.{ident(rng)}.Main - Retry {number(rng, 9)} of 5 for task {hexa(rng)}",
        lambda: f"ERROR com.{ident(rng)}.Main - Timeout after {number(rng)} ms while calling {path(rng)}",
    ]
    return [f"{day(rng)} {clock(rng)},{number(rng, 999):03} [thread-{number(rng, 16)}] {rng.choice(forms)()}" for _ in range(n)]


def proxy_errors(rng, n):
    made = []
    for _ in range(n):
        head = f"2021/03/{rng.randint(1, 28):02} {clock(rng)} [error] {number(rng)}#0: *{number(rng)} "
        what = f'open() "/var/www{path(rng)}" failed (2: No such file or directory), '
        made.append(f'{head}{what}client: {address(rng)}, server: example.com, request: "GET {path(rng)} HTTP/1.1", host: "example.com"')
    return made


def kernel_messages(rng, n):
    forms = [
        lambda: f"usb {number(rng, 4)}-{number(rng, 4)}: new high-speed USB device number {number(rng, 20)} using xhci_hcd",
        lambda: f"eth0: link up, {number(rng)} Mbps, full-duplex, lpa 0x{hexa(rng, 4)}",
        lambda: f"EXT4-fs (sda{number(rng, 9)}): mounted filesystem with ordered data mode. Opts: (null)",
    ]
    return [f"[{number(rng):5}.{number(rng, 999999):06}] {rng.choice(forms)()}" for _ in range(n)]


def python_trace(rng, n):
    made = []
    while len(made) < n:
        made.append(f'  File "/usr/lib/python3.9/site-packages/{ident(rng)}/{ident(rng)}.py", line {number(rng, 900)}, in {ident(rng)}')
    return made


def firewall(rng, n):
    made = []
    for _ in range(n):
        head = f"Mar {rng.randint(1, 28)} {clock(rng)} gw kernel: [UFW BLOCK] IN=eth0 OUT= MAC={hexa(rng, 12)} "
        ends = f"SRC={address(rng)} DST={address(rng)} LEN={number(rng, 900)} TOS=0x00 PREC=0x00 TTL={number(rng, 128)} "
        made.append(f"{head}{ends}ID={number(rng)} PROTO=TCP SPT={number(rng)} DPT={number(rng)}")
    return made


def test_runner(rng, n):
    return [
        f"tests/test_{ident(rng)}.py::test_{ident(rng)}_{ident(rng)} PASSED [{100 * k // n:3}%] in {number(rng, 99)}.{number(rng, 99):02}s"
        for k in range(n)
    ]


def json_log(rng, n):
    return [
        f'{{"time":"{day(rng)}T{clock(rng)}Z","level":"{rng.choice(["info", "warn"])}","msg":"request done","path":"{path(rng)}",'
        f'"status":{rng.choice([200, 500])},"ms":{number(rng)},"id":"{hexa(rng, 16)}"}}'
        for _ in range(n)
    ]


def mail_log(rng, n):
    made = []
    for _ in range(n):
        head = f"{rng.choice(['Jan', 'Feb'])} {rng.randint(1, 28)} {clock(rng)} mx1 postfix/smtp[{number(rng)}]: {hexa(rng, 10).upper()}: "
        made.append(
            f"{head}to=<{word(rng)}@example.org>, relay=mail.example.org[{address(rng)}]:25, delay={number(rng, 99)}, status=sent (250 ok)"
        )
    return made


def garbage_collector(rng, n):
    forms = [
        lambda: f"[GC (Allocation Failure) {number(rng)}K->{number(rng)}K({number(rng)}K), 0.{number(rng, 9999):04} secs]",
        lambda: f"[Full GC (Ergonomics) {number(rng)}K->{number(rng)}K({number(rng)}K), 0.{number(rng, 9999):04} secs]",
    ]
    return [
        f"{day(rng)}T{clock(rng)}.{number(rng, 999):03}+0000: {number(rng)}.{number(rng, 999):03}: {rng.choice(forms)()}" for _ in range(n)
    ]


def bundler(rng, n):
    return [
        f"  [{number(rng, 900)}] ./node_modules/{ident(rng)}/{ident(rng)}.js {number(rng, 90)}.{number(rng, 9)} KiB {{0}} [built]"
        for _ in range(n)
    ]


def ping(rng, n):
    host = address(rng)
    return [
        f"64 bytes from {host}: icmp_seq={k} ttl={rng.randint(50, 60)} time={rng.randint(9, 90)}.{rng.randint(0, 9)} ms" for k in range(n)
    ]


def rust_trace(rng, n):
    made = []
    while len(made) < n:
        made.append(f"  {len(made) // 2:3}: {ident(rng)}::{ident(rng)}::{ident(rng)}::h{hexa(rng, 16)}")
        made.append(f"             at ./src/{ident(rng)}/{ident(rng)}.rs:{number(rng, 900)}:{number(rng, 60)}")
    return made


# -- good pages that repeat themselves ----------------------------------------------------------------


def verse(rng, n):
    refrain = [phrase(rng, 4, 7).capitalize() + mark for mark in (",", ",", ";", "!")]
    made = []
    while len(made) < n:
        made += [phrase(rng, 5, 8).capitalize() + "," for _ in range(4)] + refrain + [""]
    return made


def table(rng, n):
    return ["Name\tDay\tFrom\tTo\tRoom"] + [
        f"{word(rng).title()}\t{rng.choice(['Mon', 'Tue', 'Wed'])}\t{clock(rng)[:5]}\t{clock(rng)[:5]}\tRoom {number(rng, 9)}, first floor"
        for _ in range(n)
    ]


def c_code(rng, n):
    made = []
    while len(made) < n:
        a, b = ident(rng), ident(rng)
        made += [
            f"static int {a}_{b}(struct {a} *self, int count)", "{", f"    if (self->{b} == NULL || count < {number(rng, 9)}) {{",
            f"        fprintf(stderr, \"%s: no {b} (%d)\\n\", __func__, {number(rng, 99)});", f"        return -{number(rng, 9)};", "    }",
            f"    for (int i = 0; i < count; i++) {{ self->{b}[i] = {a}_get(self, i, {number(rng, 9)}); }}",
            f"    return {a}_done(self, {number(rng, 9)}, {number(rng, 9)});", "}", "",
        ]  # fmt: skip
    return made


def test_code(rng, n):
    made = ["def test_all():"]
    while len(made) < n:
        made.append(f"    assert {ident(rng)}({number(rng, 99)}, {number(rng, 99)}, name='{word(rng)}') == {number(rng, 999)}")
    return made


def ingredients(rng, n):
    return [f"- {number(rng, 500)} g {word(rng)} {word(rng)}, {rng.choice(['chopped', 'sliced', 'peeled'])}" for _ in range(n)]


def numbered(rng, n):
    return [f"{k}. {phrase(rng, 5, 12).capitalize()}" for k in range(1, n + 1)]


def glossary(rng, n):
    return [f"{word(rng).title()}: {rng.choice(['a kind of', 'the act of', 'a part of the'])} {phrase(rng, 4, 9)}." for _ in range(n)]


def dialogue(rng, n):
    names = [word(rng).upper() for _ in range(3)]
    return [f"{rng.choice(names)}: {sentence(rng, 3, 14)}" for _ in range(n)]


def song(rng, n):
    chorus = [phrase(rng, 4, 6).capitalize() for _ in range(2)]
    made = []
    while len(made) < n:
        made += [f"{a}, {a}, {a} and {b}" for a, b in [(word(rng), word(rng))] for _ in range(2)] + chorus * 2 + [""]
    return made


def genealogy(rng, n):
    made = []
    for k in range(n):
        a, b = word(rng).title(), word(rng).title()
        made.append(
            f"5:{k + 1} And {a} lived {number(rng, 900)} years, and begat {b}: and all the days of {a} were {number(rng, 900)} years."
        )
    return made


def timetable(rng, n):
    return [
        f"{clock(rng)[:5]} - {clock(rng)[:5]} {phrase(rng, 2, 5).capitalize()} (Room {number(rng, 9)}, {word(rng).title()} Hall)"
        for _ in range(n)
    ]


def references(rng, n):
    made = []
    for k in range(1, n + 1):
        who = f"[{k}] {word(rng).title()}, J. and {word(rng).title()}, M. {phrase(rng, 5, 10).capitalize()}."
        where = f"In Proc. of the {rng.randint(2, 30)}th Conf. on {phrase(rng, 2, 3).title()}"
        made.append(f"{who} {where}, pp. {number(rng, 900)}-{number(rng, 900)}, {rng.randint(1980, 2020)}.")
    return made


def changelog(rng, n):
    return [
        f"- {rng.randint(0, 9)}.{rng.randint(0, 9)}.{rng.randint(0, 9)} ({day(rng)}): {phrase(rng, 4, 10)} (#{number(rng)})"
        for _ in range(n)
    ]


def settings_file(rng, n):
    made = []
    while len(made) < n:
        made += [
            f"{ident(rng)}:",
            f"  {ident(rng)}_max: {number(rng)}",
            f'  {ident(rng)}: "{path(rng)}"  # {phrase(rng, 2, 5)}',
            "  enabled: true",
        ]
    return made


def results(rng, n):
    return [
        f"{word(rng).title()} {word(rng).title()} {rng.randint(0, 5)} - {rng.randint(0, 5)} {word(rng).title()} {word(rng).title()}"
        for _ in range(n)
    ]


def piped_table(rng, n):
    return [f"| {word(rng):<10} | {word(rng):<10} | {number(rng):>6} | {rng.choice(['yes', 'no'])} |" for _ in range(n)]


def prices(rng, n):
    return [f"{phrase(rng, 2, 4).title()}, {number(rng, 40)} x {number(rng, 40)} cm - ${number(rng, 99)}.99" for _ in range(n)]


def psalm(rng, n):
    return [f"136:{k} {phrase(rng, 5, 9).capitalize()}: for his mercy endureth for ever." for k in range(1, n + 1)]


def chess(rng, n):
    def move():
        return rng.choice(["", "N", "B", "Q", "R"]) + rng.choice("abcdefgh") + str(rng.randint(1, 8))

    return [" ".join(f"{8 * k + j}. {move()} {move()}" for j in range(1, 9)) for k in range(n)]


def questions(rng, n):
    return [line for _ in range(n // 2) for line in (f"Q: {phrase(rng, 5, 12).capitalize()}?", f"A: {sentence(rng)} {sentence(rng)}")]


def statute(rng, n):
    return [
        f"({k}) {phrase(rng, 8, 20).capitalize()} under section {rng.randint(1, 90)}({rng.randint(1, 9)}) of this Act."
        for k in range(1, n + 1)
    ]


def league(rng, n):
    return [
        f"{k:2} {word(rng).title():<12} {rng.randint(20, 38)} {rng.randint(0, 20)} {rng.randint(0, 20)} {rng.randint(0, 90)}"
        for k in range(1, n + 1)
    ]


def addresses(rng, n):
    return [
        f"{word(rng).title()} {word(rng).title()}, {number(rng, 99)} {word(rng).title()} Street, Tel. 01{number(rng)} {number(rng)}"
        for _ in range(n)
    ]


def phrases_in_two_languages(rng, n):
    return [f"{phrase(rng, 2, 5)} - {phrase(rng, 2, 5)}" for _ in range(n)]


def html_code(rng, n):
    made = ["<table>"]
    while len(made) < n:
        made += ["  <tr>", f'    <td class="{ident(rng)}">{word(rng)} {number(rng, 99)}</td>', f"    <td>{number(rng, 99)}</td>", "  </tr>"]
    return made


Kind = Callable[[random.Random, int], list[str]]
MACHINE: dict[str, list[Kind]] = {
    "choosing": [web_server, syslog, java_trace, compiler, sql_dump],
    "held out": [app_log, proxy_errors, kernel_messages, python_trace, firewall, test_runner, json_log],
    "fresh": [mail_log, garbage_collector, bundler, ping, rust_trace],
}
GOOD: dict[str, list[Kind]] = {
    "choosing": [verse, table, c_code, ingredients, numbered, glossary, dialogue, genealogy, prices],
    "held out": [song, timetable, references, changelog, settings_file, results, piped_table, test_code],
    "fresh": [psalm, chess, questions, statute, league, addresses, phrases_in_two_languages, html_code],
}


def page(rng, kind, low=12, high=60):
    """A page of prose with lines of a kind in the midst: (text, those lines)."""
    lines = kind(rng, rng.randint(low, high))
    before = [paragraph(rng) for _ in range(rng.randint(2, 4))]
    behind = [paragraph(rng) for _ in range(rng.randint(1, 3))]
    return "\n\n".join([*before, "\n".join(lines), *behind]), [line for line in lines if line.strip()]
