"""Samples of stages/tokens."""

from tests.samples.documents import texts


def count_tokens():
    table = texts("The <|endoftext|> of <s>text</s>. 12345 + x_1\n\n\treturn  None")
    yield {}, table
    yield {"ids": True, "eos": 16_384}, table
