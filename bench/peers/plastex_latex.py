"""plasTeX, which executes macros, and the source of the document it has built; see latex_loop."""

from latex_loop import main
from plasTeX import TeXDocument
from plasTeX.TeX import TeX


def clean(tex: str) -> str:
    """Source of the document that a paper's TeX makes."""
    document = TeXDocument()
    reader = TeX(document)
    reader.disableLogging()
    reader.input(tex)
    reader.parse()
    return str(document.source)


if __name__ == "__main__":
    main(clean)
