"""Bad texts: copies of good ones with something broken, and pages as machines fill them. All of it is made here, and said to be.

A damaged copy has its original's source, language and length, so that none of these tells the two apart. What is made from nothing
(shop listings, doorway pages, walls, feeds) has words of its own, drawn from the lists below.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Random = random.Random

# -- copies with something broken: (text, random, other good texts) -> text ----------------------------


def shuffled_words(text: str, r: Random, others: Sequence[str]) -> str:
    """Words in any order within some hundred characters."""
    parts = [part.split() for part in _cut(text, 400)]
    for part in parts:
        r.shuffle(part)
    return "\n\n".join(" ".join(part) for part in parts)


def shuffled_sentences(text: str, r: Random, others: Sequence[str]) -> str:
    """Its sentences among those of other texts, in any order."""
    said = _sentences(text) + [s for other in r.sample(list(others), min(4, len(others))) for s in _sentences(other)[:12]]
    r.shuffle(said)
    return _paragraphs(said, r)[: len(text)]


def repeated(text: str, r: Random, others: Sequence[str]) -> str:
    """A few of its sentences again and again, as a generator does that is stuck."""
    said = _sentences(text)
    few = said[: r.randint(1, 3)] or [text]
    out: list[str] = []
    while sum(map(len, out)) < len(text):
        out.append(r.choice(few) if r.random() < 0.8 else r.choice(said or few))
    return _paragraphs(out, r)


def scanned(text: str, r: Random, others: Sequence[str]) -> str:
    """As bad recognition of a scanned page has it: letters mistaken, words cut, stray marks."""
    swaps = {"l": "1", "I": "l", "O": "0", "e": "c", "h": "b", "m": "rn", "rn": "m", "s": "5", "a": "o", "u": "ii", "t": "f", "n": "u"}
    rate = r.uniform(0.05, 0.2)
    out = []
    for c in text:
        x = r.random()
        out.append(swaps.get(c, c) if x < rate else c + r.choice(" .-~|^'") if x < rate * 1.25 else c)
    return "".join(out)


def with_boilerplate(text: str, r: Random, others: Sequence[str]) -> str:
    """A fifth of it, between menus, buttons and teasers."""
    said = _sentences(text)
    out: list[str] = []
    while sum(map(len, out)) < len(text):
        out.append(
            r.choice(said)
            if said and r.random() < 0.15
            else " ".join(r.sample(MENU, r.randint(1, 5)))
            if r.random() < 0.7
            else teaser(r, others)
        )
    return "\n".join(out)


def teasers(text: str, r: Random, others: Sequence[str]) -> str:
    """The beginnings of many texts, cut, with a link to the rest."""
    out: list[str] = []
    while sum(map(len, out)) < len(text):
        out.append(teaser(r, [text, *others]))
    return "\n\n".join(out)


def keywords(text: str, r: Random, others: Sequence[str]) -> str:
    """Its longer words alone, as tags or search terms."""
    words = [word for word in re.findall(r"\w+", text) if len(word) > 4]
    r.shuffle(words)
    joint = r.choice([", ", " ", " | ", "\n", " #"])
    return joint.join(words)


def shouted(text: str, r: Random, others: Sequence[str]) -> str:
    """All in capitals, with exclamation marks."""
    return re.sub(r"[.,;]", lambda m: r.choice(["!!!", "!", " >>> ", "..."]) if r.random() < 0.5 else m[0], text.upper())


def twice_encoded(text: str, r: Random, others: Sequence[str]) -> str:
    """UTF-8 read as Latin-1, twice where the text is ASCII but for its quotes and dashes."""
    text = text.replace("'", "\u2019").replace('"', "\u201d").replace(" - ", " \u2013 ")
    for _ in range(2):
        text = text.encode().decode("latin-1")
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def link_list(text: str, r: Random, others: Sequence[str]) -> str:
    """Headings and openings of texts, a line each, as an index or a sitemap has them."""
    out: list[str] = []
    while sum(map(len, out)) < len(text):
        words = r.choice([text, *others]).split()
        at = r.randrange(max(1, len(words) - 6))
        out.append(
            " ".join(words[at : at + r.randint(1, 5)]).strip(" .,;:()").capitalize() + r.choice(["", "", f" ({r.randint(1, 400)})", " »"])
        )
    return r.choice(["\n", "\n", " | ", " · "]).join(out)


def thread(text: str, r: Random, others: Sequence[str]) -> str:
    """A forum's frame with hardly a word said."""
    out: list[str] = []
    while sum(map(len, out)) < len(text):
        out += [
            f"{r.choice(NAMES)}{r.randint(1, 999)}",
            r.choice(["Junior Member", "Senior Member", "Moderator", "Guest"]),
            f"Posts: {r.randint(1, 9999)}",
            f"Joined: {r.choice(MONTHS)} {r.randint(1999, 2024)}",
            f"#{r.randint(1, 500)}",
            r.choice(["Quote", "Reply with quote", "Report post", "Top"]),
            r.choice(["thanks", "+1", "bump", "me too", "any news?", "same here", "lol", "Thanks for sharing!"]),
        ]
    return "\n".join(out)


# -- pages made from nothing --------------------------------------------------------------------------

MENU = [
    "Home", "About us", "Contact", "Login", "Register", "Sign in", "My account", "Cart (0)", "Wishlist", "Search", "Menu",
    "Skip to content", "Share", "Tweet", "Pin it", "Print", "E-mail", "Next »", "« Previous", "Read more", "Learn more", "View all",
    "Show more", "Back to top", "Sitemap", "Privacy policy", "Terms of use", "Cookie settings", "Accept all", "Subscribe", "Newsletter",
    "Follow us", "Facebook", "Twitter", "Instagram", "YouTube", "RSS", "Advertise", "Careers", "Help", "FAQ", "Support", "Blog", "News",
    "Archive", "Categories", "Tags", "Related posts", "Popular posts", "Recent comments", "Leave a reply", "Edit", "Download",
    "Add to cart", "Compare", "In stock", "Sold out", "Sort by", "Filter", "Language", "English", "All rights reserved", "Powered by",
    "Copyright", "Loading...", "Close", "Play", "Pause", "0 comments", "12 views", "Posted in", "Filed under", "Permalink",
    "Report abuse",
]  # fmt: skip
THINGS = [
    "watches", "shoes", "handbags", "mattresses", "insurance", "loans", "laptops", "phone cases", "vitamins", "perfume", "sunglasses",
    "furniture", "flights", "hotels", "car parts", "jewelry", "garage doors", "plumbers", "locksmiths", "roof repair", "web hosting",
    "essay help", "replica bags", "slot games", "diet pills", "used cars", "curtains", "drones", "headphones",
]  # fmt: skip
PLACES = [
    "London", "Chicago", "Berlin", "Toronto", "Sydney", "Dallas", "Leeds", "Miami", "Austin", "Dublin", "Boston", "Denver", "Phoenix",
    "Seattle", "Perth", "Houston", "Madrid", "Oslo",
]  # fmt: skip
PRAISE = [
    "best", "cheap", "top", "affordable", "luxury", "discount", "premium", "free", "official", "trusted", "new", "exclusive", "quality",
    "original", "amazing", "number one", "lowest price",
]  # fmt: skip
NAMES = [
    "max", "anna", "blue", "rider", "star", "fox", "kim", "tiger", "leo", "nova", "pixel", "sam", "ghost", "moon", "hunter", "daisy",
    "rex", "sky",
]  # fmt: skip
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def teaser(r: Random, others: Sequence[str]) -> str:
    """The first words of a text, cut."""
    words = r.choice(others).split()[: r.randint(6, 18)]
    return " ".join(words) + r.choice(["... Read more", " […]", "... Continue reading »", "…", " [+]"])


def doorway(r: Random) -> str:
    """Keywords stuffed into sentences."""
    thing, place, praise = r.choice(THINGS), r.choice(PLACES), r.choice(PRAISE)
    forms = (
        f"Looking for {praise} {thing} in {place}? ",
        f"Our {praise} {thing} are the {r.choice(PRAISE)} {thing} {place} has to offer. ",
        f"Buy {thing} online, {praise} {thing} sale, {thing} {place}, {thing} near me. ",
        f"Call now for {praise} {thing}! ",
        f"If you need {thing} in {place}, we are the {praise} choice for {thing}. ",
        f"{thing.capitalize()} {place} - {praise} {thing} {r.choice(PRAISE)} price. ",
        f"Click here for more information about {thing}. ",
        f"We offer {praise} {thing} at {r.choice(PRAISE)} prices in {place} and all surrounding areas. ",
        f"Contact us today for a {r.choice(PRAISE)} quote on {thing} {place}. ",
    )
    return "".join(r.choice(forms) for _ in range(r.randint(3, 7))).strip()


def offer(r: Random) -> str:
    """A line or two of a shop."""
    price = r.randint(2, 999)
    name = f"{r.choice(PRAISE).title()} {r.choice(THINGS).title()} {r.choice('ABCDEFGH')}{r.randint(10, 999)}"
    return r.choice(
        [
            f"{name}\n${price}.99 ${price + 20}.00\nAdd to cart",
            f"{name} - {r.randint(1, 5)}.{r.randint(0, 9)} ({r.randint(1, 900)} reviews) €{price},00 In stock",
            f"SALE {r.randint(5, 80)}% off {name}\nQuick view\nCompare",
            f"{name}\nSKU: {r.randint(10000, 99999)}\nSize: S M L XL\nFree shipping over ${price}",
        ]
    )


def wall(r: Random) -> str:
    """What stands where a text should be."""
    return r.choice(
        [
            "Please enable JavaScript to view this page.",
            "You need to log in to continue. Forgot your password?",
            "404 Not Found. The page you requested could not be found.",
            "We use cookies to improve your experience. By continuing to browse you accept our cookie policy.",
            "This domain is for sale. Inquire now.",
            "Sorry, no results were found for your search. Try different keywords.",
            "Your session has expired. Please sign in again.",
            "Access denied. You do not have permission to view this page.",
            "Thank you for your order! Your confirmation number is " + str(r.randint(10**6, 10**7)) + ".",
            "Checking your browser before accessing the site. This may take a few seconds.",
            "Be the first to review this product. Write a review.",
        ]
    )


def feed(r: Random) -> str:
    """A row of a table of results, events or prices."""
    a, b = r.choice(PLACES), r.choice(PLACES)
    return r.choice(
        [
            f"{r.randint(1, 28):02}/{r.randint(1, 12):02}/{r.randint(1999, 2024)} {r.randint(0, 23):02}:{r.randint(0, 59):02} "
            f"{a} {r.randint(0, 9)} - {r.randint(0, 9)} {b}",
            f"{a} {r.randint(-9, 39)}° {b} {r.randint(-9, 39)}° Humidity {r.randint(10, 99)}%",
            f"{r.choice(MONTHS)} {r.randint(1, 28)} {a} to {b} from ${r.randint(40, 900)}",
            f"{a}-{b} {r.randint(1000, 9999)} {r.random() * 100:.2f} {r.random() * 100:.2f} {r.choice('+-')}{r.random() * 5:.2f}%",
            f"{r.randint(1, 9)} bed {r.randint(1, 4)} bath {r.randint(400, 4000)} sqft {a} ${r.randint(100, 990)},000 View details",
        ]
    )


def made(part: Callable[[Random], str], r: Random, chars: int) -> str:
    """A page of `chars` characters of such parts, with a menu around."""
    out = [" ".join(r.sample(MENU, r.randint(0, 8)))]
    while sum(map(len, out)) < chars:
        out.append(part(r))
    return (r.choice(["\n", "\n\n", "\n", " "]).join(out) + "\n" + " ".join(r.sample(MENU, r.randint(0, 8)))).strip()


COPIES: dict[str, Callable[[str, Random, Sequence[str]], str]] = {
    f.__name__: f
    for f in (
        shuffled_words,
        shuffled_sentences,
        repeated,
        scanned,
        with_boilerplate,
        teasers,
        keywords,
        shouted,
        twice_encoded,
        link_list,
        thread,
    )
}
PAGES: dict[str, Callable[[Random], str]] = {f.__name__: f for f in (doorway, offer, wall, feed)}


def _sentences(text: str) -> list[str]:
    return [s.strip() for s in re.split(r"(?<=[.!?。।؟])\s+|\n\n", text) if len(s.strip()) > 15]


def _paragraphs(sentences: Sequence[str], r: Random) -> str:
    out = ""
    for s in sentences:
        out += s + r.choice([" ", " ", " ", "\n\n"])
    return out.strip()


def _cut(text: str, chars: int) -> list[str]:
    words, size = text.split(), 0
    out: list[list[str]] = [[]]
    for word in words:
        if size > chars:
            out.append([])
            size = 0
        out[-1].append(word)
        size += len(word) + 1
    return [" ".join(part) for part in out]
