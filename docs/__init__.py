"""References of the command line, the stages and the recipe, written by `python -m docs`."""
