r"""Declarations: environments that packages let a paper declare, for verbatim text, for boxes and for comments."""

from survey.fulltext.latex.expander import Environment, Expander, Handler
from survey.fulltext.latex.macros import Parameter, macro, of_latex, of_xparse
from survey.fulltext.latex.options import texts_of


def _exclude(expander: Expander, command: str) -> None:
    r"""`\excludecomment{solution}` of the package comment, and \includecomment."""
    name = expander.reading.argument().strip()
    expander.kept[f"excluded {name}"] = "yes" if command == "\\excludecomment" else "no"
    if command != "\\excludecomment":
        expander.environments.setdefault(name, Environment(macro(""), macro("")))
    else:
        expander.environments.pop(name, None)


def _new_verbatim(expander: Expander, command: str) -> None:
    r"""`\DefineVerbatimEnvironment{prompt}{Verbatim}{…}`, `\lstnewenvironment{prompt}[1][]{…}{}`, `\newminted`."""
    reading = expander.reading
    reading.optional()
    name = reading.argument().strip()
    count = reading.optional()
    reading.optional()
    required = {"\\newminted": 1, "\\DefineVerbatimEnvironment": 2, "\\lstnewenvironment": 2}.get(command, 1)
    if command == "\\NewTCBListing":
        layout = "".join(parameter.kind for parameter in of_xparse(reading.argument()))
    else:
        layout = "o" + "m" * max(0, int(count) - 1 if count and count.isdigit() else 0)
    for _ in range(required):
        reading.argument()
    expander.kept[f"verbatim {name + 'code' if command == chr(92) + 'newminted' else name}"] = layout
    expander.environments.pop(name, None)


def _new_box(expander: Expander, command: str) -> None:
    r"""`\newtcolorbox{prompt}[2][]{title=#2,#1}`, `\NewTColorBox{prompt}{O{} m}{title=#2}`: the title is text."""
    reading = expander.reading
    reading.optional()
    name = reading.argument().strip()
    if command in ("\\newtcolorbox", "\\renewtcolorbox", "\\newtcbtheorem"):
        count, default = reading.optional(), reading.optional()
        parameters = of_latex(int(count) if count and count.strip().isdigit() else 0, default)
    else:
        parameters = of_xparse(reading.argument())
    titles = "".join(f"\n{text}\n" for text in texts_of(reading.argument()))
    titles += "".join(f"\\boxoptions{{#{number}}}" for number, p in enumerate(parameters, start=1) if p.kind == "o")
    expander.environments[name] = Environment(macro(titles, parameters), macro("\n"))


def _new_frame(expander: Expander, command: str) -> None:
    r"""`\newmdenv[backgroundcolor=gray]{prompt}`."""
    expander.reading.optional()
    name = expander.reading.argument().strip()
    expander.environments[name] = Environment(macro("", (Parameter("o", ""),)), macro(""))


HANDLERS: dict[str, Handler] = {
    "\\newmdenv": _new_frame,
    **{f"\\{name}": _exclude for name in ("excludecomment", "includecomment", "specialcomment")},
    **{
        f"\\{name}": _new_verbatim
        for name in (
            "DefineVerbatimEnvironment",
            "lstnewenvironment",
            "newminted",
            "newtcblisting",
            "NewTCBListing",
            "newverbatim",
        )
    },
    **{f"\\{name}": _new_box for name in ("newtcolorbox", "renewtcolorbox", "NewTColorBox", "DeclareTColorBox")},
}
