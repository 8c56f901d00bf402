"""Files that hold files: members.py goes through them, on top of tar.py and zip.py with entries.py and inflate.py; seven_zip.py."""
