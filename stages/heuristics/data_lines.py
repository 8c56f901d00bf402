"""What of a line is data: rows of numbers, base64, hexadecimal.

Numbers are ours; code_page_quality and code_file_quality say what they mean.
"""

from __future__ import annotations

from typing import Any

from numba import njit

RUN_BYTES = 60
DUMP_BYTES, MIN_DIGIT_FRACTION, MAX_OTHER_FRACTION = 30, 0.4, 0.25


@njit(cache=True)
def _is_hex_letter(b0: Any) -> bool:
    return bool(97 <= b0 <= 102 or 65 <= b0 <= 70)


@njit(cache=True)
def is_dump(data: Any, start: Any, end: Any) -> bool:
    """Whether a line is rows of numbers or hexadecimal, what an editor shows beside them included."""
    digits, all_ = 0, 0
    for i in range(start, end):
        all_ += data[i] > 32
        digits += 48 <= data[i] <= 57
    if all_ < DUMP_BYTES or digits < MIN_DIGIT_FRACTION * all_:
        return False
    others = 0
    for i in range(start, end):
        b0 = data[i]
        others += b0 > 32 and not (40 <= b0 <= 59 or b0 == 124 or _is_hex_letter(b0))  # ( to ; are digits and the marks of numbers
    return bool(others <= MAX_OTHER_FRACTION * all_)


@njit(cache=True)
def _may_encode(b0: Any) -> bool:
    """Whether a byte is one of base64."""
    return bool(97 <= b0 <= 122 or 65 <= b0 <= 90 or 47 <= b0 <= 57 or b0 == 43 or b0 == 61)


@njit(cache=True)
def encoded(data: Any, start: Any, end: Any) -> Any:
    """Bytes of a line in runs of base64 or hexadecimal."""
    inside = 0
    begin = start
    while begin + RUN_BYTES <= end:
        # From behind, so that of most text few bytes are looked at.
        i = begin + RUN_BYTES - 1
        while i >= begin and _may_encode(data[i]):
            i -= 1
        if i >= begin:
            begin = i + 1
            continue
        digits, upper, lower, hexadecimal = 0, 0, 0, True
        i = begin
        while i < end and _may_encode(data[i]):
            b0 = data[i]
            digits += 48 <= b0 <= 57
            upper += 65 <= b0 <= 90
            lower += 97 <= b0 <= 122
            hexadecimal = hexadecimal and (48 <= b0 <= 57 or _is_hex_letter(b0))
            i += 1
        if digits > 0 and (hexadecimal or (upper > 0 and lower > 0)):
            inside += i - begin
        begin = i + 1
    return inside
