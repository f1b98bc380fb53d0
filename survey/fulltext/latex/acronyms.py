r"""Acronyms: `\gls{hqa}` and `\ac{hqa}` print what `\newacronym` or `\DeclareAcronym` says: first long, then short."""

from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.options import pairs_of

_Forms = dict[str, str]


def _new_acronym(expander: Expander, command: str) -> None:
    r"""`\newacronym[options]{key}{short}{long}`, `\newabbreviation`."""
    reading = expander.reading
    plural = dict(pairs_of(reading.optional() or ""))
    key, short, long = (reading.argument() for _ in range(3))
    _declare(expander, key, {"short": short, "long": long, "plural": plural.get("shortplural", "")})


def _declare(expander: Expander, key: str, forms: _Forms) -> None:
    expander.acronyms[expander.expand(key).strip()] = forms


def _acrodef(expander: Expander, command: str) -> None:
    r"""`\acro{key}[short]{long}` in a printed list of acronyms, and `\acrodef`, which is not printed."""
    reading = expander.reading
    key = reading.argument()
    short = reading.optional()
    long = reading.argument()
    _declare(expander, key, {"short": key if short is None else short, "long": long})
    if command == "\\acro":
        reading.push(f"\n{key if short is None else short} {long}\n")


def _declare_acronym(expander: Expander, command: str) -> None:
    r"""`\DeclareAcronym{hqa}{short=HotpotQA, long=the HotpotQA data set}` of the package acro."""
    key, options = expander.reading.argument(), expander.reading.argument()
    values = dict(pairs_of(options))
    _declare(expander, key, {"short": values.get("short", key), "long": values.get("long", ""),
                             "plural": values.get("short-plural-form", "")})  # fmt: skip


def _entry(expander: Expander, command: str) -> None:
    r"""`\newglossaryentry{gsm}{name={GSM8K}, description={…}}`: its name is printed, in whatever place."""
    key, options = expander.reading.argument(), expander.reading.argument()
    values = dict(pairs_of(options))
    name = values.get("text", values.get("first", values.get("name", "")))
    _declare(expander, key, {"short": name, "long": "", "description": values.get("description", "")})


def _use(form: str, *, plural: bool = False, capital: bool = False) -> Handler:
    """A command that prints an acronym: `first` the long form at its first use, or one of its forms."""

    def use(expander: Expander, command: str) -> None:
        reading = expander.reading
        reading.star()
        reading.optional()
        key = expander.expand(reading.argument()).strip()
        after = reading.optional() if form != "use" and command.startswith("\\gls") else None
        forms = expander.acronyms.get(key)
        if forms is None:
            return
        text = _text(expander, key, forms, form, plural)
        text = text[:1].upper() + text[1:] if capital else text
        reading.spend(len(text))
        reading.push(f"{{{text}}}{after or ''}")

    return use


def _text(expander: Expander, key: str, forms: _Forms, form: str, plural: bool) -> str:
    ending = "s" if plural else ""
    short = forms["plural"] if plural and forms.get("plural") else forms["short"] + ending
    long = forms["long"] + ending if forms["long"] else ""
    if form == "first" and key not in expander.used_acronyms and long:
        expander.used_acronyms.add(key)
        return f"{long} ({short})"
    if form == "full" and long:
        return f"{long} ({short})"
    if form == "long":
        return long or short
    return forms.get("description", "") if form == "description" else short


def _used(expander: Expander, command: str) -> None:
    r"""`\glsunset{hqa}`, `\acused{hqa}`: the long form counts as printed."""
    expander.used_acronyms.add(expander.reading.argument().strip())


def _reset(expander: Expander, command: str) -> None:
    r"""`\glsresetall`, `\acresetall`: every acronym is new again; `\glsreset{hqa}` this one."""
    if command.lower().endswith("all"):
        expander.used_acronyms.clear()
    else:
        expander.used_acronyms.discard(expander.reading.argument().strip())


def _unset_all(expander: Expander, command: str) -> None:
    expander.reading.optional()
    expander.used_acronyms |= set(expander.acronyms)


_SHORT = ("acrshort", "acs", "glsentryshort", "glsxtrshort", "acsu", "iacs", "glsentrytext", "glsentryname", "glstext",
          "glsname", "glssymbol")  # fmt: skip
_LONG = ("acrlong", "acl", "glsentrylong", "glsxtrlong", "aclu", "glsdesc@")
_FULL = ("acrfull", "acf", "glsxtrfull", "glsfirst", "acfu", "glsentryfull", "acrfullfmt@")
HANDLERS: dict[str, Handler] = {
    **{f"\\{name}": _new_acronym for name in ("newacronym", "newabbreviation", "providecommandacronym@")},
    **{f"\\{name}": _acrodef for name in ("acro", "acrodef", "newacro", "acroplural@", "acrodefplural@")},
    "\\DeclareAcronym": _declare_acronym,
    "\\newglossaryentry": _entry,
    "\\longnewglossaryentry": _entry,
    "\\gls": _use("first"),
    "\\Gls": _use("first", capital=True),
    "\\GLS": _use("first"),
    "\\ac": _use("first"),
    "\\Ac": _use("first", capital=True),
    "\\glspl": _use("first", plural=True),
    "\\acp": _use("first", plural=True),
    "\\Glspl": _use("first", plural=True, capital=True),
    "\\Acp": _use("first", plural=True, capital=True),
    "\\acrshortpl": _use("short", plural=True),
    "\\acsp": _use("short", plural=True),
    "\\aclp": _use("long", plural=True),
    "\\acrlongpl": _use("long", plural=True),
    "\\acfp": _use("full", plural=True),
    "\\acrfullpl": _use("full", plural=True),
    "\\iac": _use("first"),
    "\\Iac": _use("first"),
    "\\glsentrydesc": _use("description"),
    "\\glsdesc": _use("description"),
    **{f"\\{name}": _use("short") for name in _SHORT},
    **{f"\\{name}": _use("long") for name in _LONG},
    **{f"\\{name.capitalize()}": _use("short", capital=True) for name in ("acrshort", "acs")},
    **{f"\\{name.capitalize()}": _use("long", capital=True) for name in ("acrlong", "acl")},
    **{f"\\{name}": _use("full") for name in _FULL},
    **{f"\\{name}": _used for name in ("glsunset", "acused", "acuse")},
    **{f"\\{name}": _reset for name in ("glsresetall", "acresetall", "acreset", "glsreset")},
    "\\glsunsetall": _unset_all,
}
