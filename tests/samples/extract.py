"""Samples of stages/extract."""

from tests.samples.documents import pages


def extract_html():
    import stages.extract.extract_html as module

    yield {"max_bytes": 5_000}, pages()
    yield {"format": "markdown"}, pages()
    real, module.read = module.read, _refuse
    try:
        yield {}, pages()
    finally:
        module.read = real


def _refuse(text):
    raise RuntimeError("the parser gives up on nothing we know how to make")
