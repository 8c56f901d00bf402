"""What the kernels look up: lengths of IBANs and of national phone numbers.

Sources: the IBAN registry of ISO 13616 (country, length); ITU-T E.164 and the national numbering plans published
with it (country calling code, digits of a national number). Lengths of plans not listed are 6 to 12 (ours).
"""

from __future__ import annotations

from typing import Any

import numpy as np

_IBAN = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
    26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE",
    31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_CALLING_CODES = """
    1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98
    211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 244 245 246 248 249
    250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 297 298 299
    350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 380 381 382 383 385 386 387 389 420 421 423
    500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599
    670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 880 886
    960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 992 993 994 995 996 998
"""
_NATIONAL = {  # (fewest, most) digits -> calling codes; 7 digits after +1 are local numbers, as in examples and directories
    (6, 6): "376", (6, 8): "53", (6, 11): "39 352 358", (7, 7): "220 354", (7, 8): "372 507 961", (7, 9): "46 353 359 967",
    (7, 10): "1 60 95", (7, 11): "49", (7, 13): "43",
    (8, 8): "45 47 65 216 356 357 370 371 373 374 382 386 387 389 502 503 504 505 506 591 598 852 853 965 968 973 974 976 993",
    (8, 9): "32 36 51 66 213 355 377 381 385 593 855 886 962 963 966 971 972", (8, 10): "20 57 63 64 82 234 880 977", (8, 12): "62",
    (9, 9): "27 31 33 34 40 41 48 56 61 93 94 212 218 221 233 254 255 256 351 375 380 420 421 595 992 994 995 996 998",
    (9, 10): "44 81 84 92 964", (10, 10): "7 30 52 58 90 91 98", (10, 11): "54 55 86",
}  # fmt: skip


def iban_lengths() -> Any:
    """Length of the IBANs of a country, 0 for none: int64 (676,), by 26 * first letter + second."""
    table = np.zeros(26 * 26, np.int64)
    for length, countries in _IBAN.items():
        for country in countries.split():
            table[26 * (ord(country[0]) - 65) + ord(country[1]) - 65] = length
    return table


def national_digits() -> Any:
    """Fewest and most digits of a national number behind a calling code, 0 for no code: int64 (1000, 2)."""
    table = np.zeros((1000, 2), np.int64)
    for code in _CALLING_CODES.split():
        table[int(code)] = 6, 12
    for bounds, codes in _NATIONAL.items():
        for code in codes.split():
            table[int(code)] = bounds
    return table
