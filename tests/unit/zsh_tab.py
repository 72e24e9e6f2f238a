# SPDX-License-Identifier: MIT
"""zsh_tab.py FOLDER LINE: what zsh makes of LINE when Tab is pressed behind it.

FOLDER has _pvkit. zsh runs on a terminal of its own with nothing but the
completion system loaded; a key prints the line as it then is.
"""
import os
import pty
import re
import select
import sys
import time

LIMIT = 30  # seconds
SET_UP = """
PS1= PS2= PROMPT_SP= RPS1=
unsetopt prompt_sp prompt_cr beep zle_bracketed_paste
fpath=(%s $fpath)
autoload -Uz compinit; compinit -D -u
show() { print -r -- "<<$BUFFER>>" }
zle -N show
bindkey '^X' show
print ready''now
"""


def read_until(fd, pattern):
    text = ""
    end = time.monotonic() + LIMIT * int(os.environ.get("PVKIT_SLOW", "1"))
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            text += os.read(fd, 65536).decode(errors="replace")
        found = re.search(pattern, text)
        if found:
            return found
    print("zsh did not answer, it said: " + repr(text))
    sys.exit(1)


def main():
    folder, line = sys.argv[1:3]
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "dumb"
        os.execvp("zsh", ["zsh", "-f", "-i"])
    os.write(fd, (SET_UP % folder).encode())
    read_until(fd, "readynow")
    os.write(fd, (line + "\t\x18").encode())
    print(read_until(fd, "<<(.*)>>").group(1))
    os.close(fd)


main()
