r"""The expander: reads a LaTeX source as TeX does and gives what is left once nothing is to be expanded any more.

It executes definitions, conditionals, inputs and environments, and takes away what is no text. Everything else stays as
it stands in the source: words, and the commands that only set them (`\textbf`, `\alpha`), which `plain` turns into
words. The meanings of commands are handed in; those of the paper's own definitions come while it is read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from survey.fulltext.latex.macros import Macro
from survey.fulltext.latex.reading import Frame, Reading
from survey.fulltext.latex.tokens import COMMENT, JOINT, MARK, TOKEN, TOKEN_PATTERN, closed

Handler = Callable[["Expander", str], None]
Meaning = Handler | Macro | None  # None: a command that only sets its words

GROWTH = 20  # times the length of the source that may be expanded, against definitions that double each other
LEAST = 20_000  # characters that may be expanded in any source
MOST = 60_000_000  # characters that may be expanded in a large source, but for three times its length
_HANDLED = 4  # characters that a command counts for
_COST = 32  # characters that the use of a macro counts for, however short its body
_DEEPEST = 25  # expansions of a string of its own within each other: the `\x` in `\csname \x\endcsname`
# Names that LaTeX has, though a reader needs no meaning for them: `\ifdefined\textbf`, `\@ifundefined{texttt}{…}{…}`
_KERNEL_NAMES = """
    textbf textit texttt textsc textrm textsf textsl textup textmd textnormal emph mbox fbox hbox vbox vtop bfseries
    itshape scshape ttfamily rmfamily sffamily normalfont tiny scriptsize small large Large LARGE huge Huge
    pdfoutput the csname endcsname relax def edef gdef let par noindent centering raggedright newpage clearpage
    tableofcontents textsuperscript textsubscript underline frac sqrt sum int alpha beta gamma ldots dots quad qquad
    today author date documentclass begin end section subsection newcommand renewcommand input maketitle
"""
KERNEL = frozenset(f"\\{name}" for name in _KERNEL_NAMES.split())
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@")


@dataclass
class Environment:
    """An environment of the paper's own: its begin and its end, which share the arguments."""

    begin: Macro
    end: Macro
    shares: bool = False  # the end uses the arguments too, as \NewDocumentEnvironment has it


@dataclass
class Flags:
    """What is on or off at this place of the text; a group ends what began in it."""

    hidden: bool = False  # white or too small to be seen
    boxed: int = 0  # within a coloured box, table or picture, where white is read
    references: int = 0  # within a thebibliography
    discarded: int = 0  # set into a box that is not printed


@dataclass
class Expander:
    """A reading of one paper: the strings to read, the meanings of commands, and the text so far."""

    meanings: dict[str, Meaning]
    sources: dict[str, str]
    root: str
    reading: Reading = field(default_factory=Reading)
    out: list[str] = field(default_factory=list)
    groups: list[list[Callable[[], None]] | None] = field(default_factory=list)
    open_conditionals: int = 0
    environments: dict[str, Environment] = field(default_factory=dict)
    open_environments: list[str] = field(default_factory=list)
    conditionals: set[str] = field(default_factory=set)
    switches: dict[str, bool] = field(default_factory=dict)  # \newif, \newtoggle, \newboolean: the names that are on
    numbers: dict[str, int] = field(default_factory=dict)  # counters, and registers such as `\count1`
    kept: dict[str, str] = field(default_factory=dict)  # what one command keeps for another: the title, options
    acronyms: dict[str, dict[str, str]] = field(default_factory=dict)
    used_acronyms: set[str] = field(default_factory=set)
    cited: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    flags: Flags = field(default_factory=Flags)
    guessed: set[str] = field(default_factory=set)  # commands whose meaning was read from their name
    guess: Callable[[str], Meaning] = lambda token: None
    pattern: re.Pattern[str] = TOKEN
    ended: bool = False  # \end{document}
    _depth: int = 0
    _outermost: tuple[int, str] | None = None  # length of `out` and the macro where expansion left the file

    def run(self) -> None:
        """Read until nothing is left or the document ends."""
        frames = self.reading.frames
        while frames and not self.ended:
            self._read(frames[-1])

    def _read(self, frame: Frame) -> None:
        """Read one string until a command puts another on top of it, or it ends."""
        text, meanings, frames, out = frame.text, self.meanings, self.reading.frames, self.out
        start, pattern = frame.at, self.pattern
        for match in pattern.finditer(text, start):
            token = match[0]
            meaning = meanings[token] if token in meanings else self._guess(token)
            if meaning is None:
                if token == "{":
                    self.groups.append(None)
                elif token == "}" and self.groups and (undo := self.groups.pop()):
                    out.append(text[start : match.start()])
                    start = match.start()
                    self._undo(undo)
                continue
            at = match.start()
            if at > start:
                out.append(text[start:at])
                if text[at - 1] in _LETTERS:
                    out.append(JOINT)
            frame.at = match.end()
            self._do(meaning, token)
            start = frame.at
            if not frames or frames[-1] is not frame or start != match.end() or self.ended:
                return
            if frame.text is not text or self.pattern is not pattern:
                return
        out.append(text[start:] if frame.path else closed(text[start:]))
        frames.pop()

    def _do(self, meaning: Handler | Macro, token: str) -> None:
        self.reading.spent += _HANDLED
        if isinstance(meaning, Macro):
            self.use(meaning, token)
        else:
            meaning(self, token)

    def _guess(self, token: str) -> Meaning:
        if token == "%":
            return _skip_comment
        head, at, _ = token.partition("@")
        if at and len(head) > 1 and self.meanings.get(head) is not None:  # `\pass@1` where \pass is a macro
            return _read_shorter
        meaning = self.guess(token)
        self.meanings[token] = meaning
        self.guessed.add(token)
        return meaning

    def use(self, macro: Macro, token: str) -> None:
        """Put the text of a macro in the place of its use."""
        reading = self.reading
        if reading.exhausted:
            return
        if token[1:2].isalpha():
            reading.end_word()
        self._remember_outermost(token)
        if macro.plain:
            body = macro.body[0] if macro.body else ""
            self.out.append(str(body))
            reading.spend(_COST + len(str(body)))
        else:
            body = macro.text(reading.arguments(macro))
            reading.spend(_COST + len(body))
            reading.push(body)
        if reading.exhausted:
            self._give_up(token)

    def _remember_outermost(self, token: str) -> None:
        """Note where the expansion began that is running: the last time that a file was read."""
        frames = self.reading.frames
        if not self._depth and frames and frames[-1].path:
            self._outermost = (len(self.out), token)

    def _give_up(self, token: str) -> None:
        """Drop what an expansion without end has written so far, and expand nothing from here on."""
        if self._outermost:
            length, token = self._outermost
            if not self._depth:
                del self.out[length:]
        frames = self.reading.frames
        while frames and not frames[-1].path:
            frames.pop()
        self.notes.append(f"macros are expanded up to {token[:40]}, which goes past the limit")

    def expand(self, text: str) -> str:
        """Return `text` expanded on its own, as the name within \\csname is."""
        if self._depth >= _DEEPEST or ("\\" not in text and "%" not in text):
            return text
        self.reading.spend(len(text) + _COST)
        frames, out, groups, opened = self.reading.frames, self.out, self.groups, self.open_conditionals
        self.reading.frames, self.out, self.groups = [Frame(text)], [], []
        self._depth += 1
        try:
            self.run()
            while self.groups:
                self._undo(self.groups.pop() or [])
            return "".join(self.out)
        finally:
            self._depth -= 1
            self.reading.frames, self.out, self.groups, self.open_conditionals = frames, out, groups, opened

    def define(self, token: str, meaning: Meaning, *, everywhere: bool = False) -> None:
        """Give `token` a meaning until the group ends, or everywhere."""
        table = self.meanings
        if self.groups and not everywhere:
            had, before = token in table, table.get(token)
            self.at_group_end(lambda: table.__setitem__(token, before) if had else _forget(table, token))
        table[token] = meaning
        self.guessed.discard(token)

    def at_group_end(self, action: Callable[[], None]) -> None:
        """Have `action` done when the innermost group ends."""
        if self.groups:
            actions = self.groups[-1] or []
            actions.append(action)
            self.groups[-1] = actions

    def open_group(self) -> None:
        """Begin a group, as `\\begingroup` does."""
        self.groups.append(None)

    def close_group(self) -> None:
        """End a group."""
        if self.groups:
            self._undo(self.groups.pop() or [])

    def _undo(self, actions: list[Callable[[], None]]) -> None:
        for action in reversed(actions):
            action()

    def is_defined(self, token: str) -> bool:
        """Say whether a command has a meaning that is known here."""
        return token in KERNEL or (token in self.meanings and token not in self.guessed)

    def mark(self, kind: str) -> None:
        """Write a mark of structure."""
        self.out.append(MARK + kind)

    def write(self, text: str) -> None:
        """Write text."""
        self.out.append(text)

    def file(self) -> Frame:
        """Return the file that is being read."""
        return next((frame for frame in reversed(self.reading.frames) if frame.path), Frame("", path=self.root))

    def watch(self, character: str) -> None:
        """Have `character` read as a command, as \\MakeShortVerb does."""
        self.pattern = re.compile(rf"{TOKEN_PATTERN}|{re.escape(character)}", re.DOTALL)

    def hide(self) -> None:
        """Mark the text up to the end of the group as not to be seen by a reader."""
        if self.flags.hidden or self.flags.boxed:
            return
        self.flags.hidden = True
        self.mark("H")
        self.at_group_end(self.show)

    def show(self) -> None:
        """End what `hide` began."""
        if self.flags.hidden:
            self.flags.hidden = False
            self.mark("h")


def reading_limit(sources: Mapping[str, str]) -> int:
    """Return how many characters may be expanded in a paper of these files."""
    size = sum(map(len, sources.values()))
    return LEAST + min(GROWTH * size, max(MOST, 3 * size))


def _skip_comment(expander: Expander, token: str) -> None:
    frame = expander.reading.frames[-1]
    match = COMMENT.match(frame.text, frame.at - 1)
    frame.at = match.end() if match else frame.at


def _read_shorter(expander: Expander, token: str) -> None:
    expander.reading.frames[-1].at -= len(token) - token.index("@")
    head = token.partition("@")[0]
    meaning = expander.meanings[head]
    if isinstance(meaning, Macro):
        expander.use(meaning, head)
    elif meaning is not None:
        meaning(expander, head)


def _forget(table: dict[str, Meaning], token: str) -> None:
    table.pop(token, None)
