"""What the names on an element say about it: words of class, id, role, itemprop and itemtype, in groups.

The words are the vocabulary of page templates, not of the pages' texts. A name is cut at everything
that is not a letter and at capitals (`entry-content`, `entryContent`, `post_12`), in lower case.

Source:  ours, from the templates of common content systems; groups follow what a part of a page is for.
"""

from __future__ import annotations

from stages.extract.tree import name_table

GROUPS = {
    "content": "content contents entry body text story main prose markdown richtext wysiwyg rte copy detail details longform",
    "article": "article articles post posts blog blogpost newsarticle blogposting articlebody page single",
    "comment": "comment comments reply replies respond disqus commentlist discussion",
    "thread": "thread topic message messages answer answers question questions forum postbody bbcode qa discussionforumposting cooked",
    "nav": "nav navbar navigation navigations menu menus submenu dropdown breadcrumb breadcrumbs crumb crumbs pagination pager paging"
    " sitemap tabs tab toc contentinfo skip skiplink jump megamenu offcanvas drawer",
    "header": "header masthead topbar banner head top brand logo",
    "footer": "footer foot bottom colophon copyright legal imprint disclaimer",
    "aside": "sidebar side aside rail widget widgets complementary secondary tertiary gutter",
    "ad": "ad ads advert adverts advertisement sponsor sponsored promo promos promotion promoted adsbygoogle dfp outbrain taboola",
    "social": "share sharing social socials follow like likes facebook twitter tweet instagram linkedin pinterest whatsapp",
    "related": "related recommended recommendations recommend more popular trending also latest recent similar suggested readmore next"
    " previous prev teaser teasers upsell crosssell newer older",
    "byline": "byline author authors date time published datepublished dateline meta postmeta timestamp bio avatar username user profile"
    " datetime",
    "tags": "tag tags category categories taxonomy label labels badge badges keywords filed cat",
    "consent": "cookie cookies consent gdpr ccpa privacy cmp onetrust",
    "popup": "popup modal dialog overlay lightbox tooltip toast notification notice alert flyout",
    "signup": "newsletter subscribe subscription signup login signin register account paywall donate donation optin mailchimp",
    "form": "form forms search searchbox searchform input field fields filter filters facet facets sort select checkbox captcha",
    "product": "product products price prices sku item items shop cart basket buy stock shipping variant swatch offer offers spec specs"
    " specification specifications woocommerce",
    "review": "review reviews rating ratings stars testimonial testimonials feedback score",
    "listing": "card cards tile tiles grid list lists listing listings result results archive loop feed excerpt collection items itemlist"
    " row",
    "summary": "summary abstract intro introduction lead lede standfirst dek subtitle description desc overview about excerpt highlights",
    "title": "title headline heading headings name h1 h2 h3 hed",
    "media": "gallery slider slideshow carousel swiper slick slide slides video videos media player audio embed thumbnail thumb thumbnails",
    "figure": "caption figcaption figure image images photo photos credit picture wp",
    "hero": "hero jumbotron cta calltoaction splash cover billboard",
    "button": "button buttons btn btns link links action actions toolbar tools tool controls control icon icons print copybutton",
    "hidden": "hidden hide invisible offscreen visuallyhidden collapsed sr screenreader noprint none",
    "docs": "doc docs documentation highlight code codehilite api function method class section rst sphinx docutils markdownbody"
    " admonition",
    "faq": "faq faqs accordion accordions collapse collapsible toggle panel expander disclosure",
    "reference": "footnote footnotes reference references citation citations bibliography endnotes source sources reflist",
    "feature": "feature features service services benefit benefits block blocks column columns col section sections wrapper container"
    " module component elementor vc et",
    "site": "wiki mw mediawiki infobox sidenav navbox catlinks editsection metadata thumb",
}
"""Group -> its words."""
NAMES = tuple(GROUPS)
BIT = {group: 1 << number for number, group in enumerate(NAMES)}


def _bits() -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, words in enumerate(GROUPS.values()):
        for word in words.split():
            found.setdefault(word, []).append(number)
    return found


WORDS = {word: number + 1 for number, word in enumerate(_bits())}
WORD_HASHES, WORD_NUMBERS = name_table(WORDS)
MASKS = [0, *(sum(1 << group for group in groups) for groups in _bits().values())]
"""Group bits of each word number."""
