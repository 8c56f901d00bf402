"""pylatexenc, parsed and written as text with formulas as they stand; see latex_loop. It does not inline macros."""

from latex_loop import main
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexWalker

TO_TEXT = LatexNodes2Text(math_mode="verbatim", keep_comments=False)

if __name__ == "__main__":
    main(lambda tex: TO_TEXT.nodelist_to_text(LatexWalker(tex, tolerant_parsing=True).get_latex_nodes()[0]))
