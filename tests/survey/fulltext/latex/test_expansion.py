r"""What a document of one file prints: definitions, conditionals, groups, verbatim text, acronyms, keys."""

import pytest

from survey.fulltext.latex import read_latex
from survey.fulltext.sections import Section
from tests.builders import latex


def words(body: str, preamble: str = "") -> str:
    """Return the text of a document of one file on one line."""
    return " ".join(read_latex({"main.tex": latex(body, preamble).encode()}).text.split())


@pytest.mark.parametrize(
    ("preamble", "body", "printed"),
    [
        # spellings of a definition
        (r"\newcommand{\b}[1]{#1-Bench}", r"\b{SWE}, \b T.", "SWE-Bench, T-Bench."),
        (r"\newcommand*\b[2][Lite]{#2 (#1)}", r"\b{SWE} \b[Full]{SWE}", "SWE (Lite) SWE (Full)"),
        (r"\newrobustcmd{\b}{GSM8K}", r"\b", "GSM8K"),
        (r"\def\b#1.{<#1>}", r"\b GSM8K. x", "<GSM8K> x"),
        (r"\def\b(#1,#2){#2/#1}", r"\b(a,GSM8K)", "GSM8K/a"),
        (r"\long\def\b#1{#1}", r"\b{GSM8K}", "GSM8K"),
        (r"\newcommandx{\b}[2][2=test]{#1 #2}", r"\b{GSM8K}[dev] \b{GSM8K}", "GSM8K dev GSM8K test"),
        (r"\NewDocumentCommand\b{s m}{#2\IfBooleanT{#1}{ (ours)}}", r"\b{GSM8K} \b*{MATH}", "GSM8K MATH (ours)"),
        (r"\NewDocumentCommand{\b}{m d<>}{#1\IfValueT{#2}{ on #2}}", r"\b{GSM8K}<dev> \b{MATH}", "GSM8K on dev MATH"),
        (r"\NewDocumentCommand{\b}{>{\SplitArgument{1}{,}} m O{x} t+}{#1 #2}", r"\b{GSM8K}[y]", "GSM8K y"),
        (r"\ProvideDocumentCommand{\b}{}{GSM8K}", r"\b", "GSM8K"),
        (r"\providecommand{\b}{A}\providecommand{\b}{B}", r"\b", "A"),
        (r"\DeclareMathOperator*{\gsm}{GSM8K}", r"$\gsm(x)$", "GSM8K(x)"),
        (r"\csdef{b}{GSM8K}", r"\csuse{b}\csuse{c}", "GSM8K"),
        (r"\def\a{GSM}\edef\b{\a8K}\def\a{X}", r"\b \a", "GSM8KX"),
        (r"\def\a{GSM8K}\let\b=\a\def\a{X}", r"\b{} \a", "GSM8K X"),
        (r"\let\b\textbf", r"\b{GSM8K}", "GSM8K"),
        (r"\def\a#1{\def\b##1{##1 #1}}", r"\a{GSM8K}\b{on}", "on GSM8K"),
        (r"\def\b{GSM8K}\appto\b{-hard}", r"\b", "GSM8K-hard"),
        (r"\newcommand{\pass}{Pass}", r"\pass@1 of GSM8K", "Pass@1 of GSM8K"),
        (r"\newcommand{\a}[1]{\textbf{#1}8K}", r"\a{GSM}", "GSM8K"),
        (r"\newcommand{\a}[1]{\quad #1}", r"x\a{GSM8K}", "x GSM8K"),
        # place of a definition
        ("", r"\newcommand{\d}{A}\d{} {\renewcommand{\d}{B}\d} \d", "A B A"),
        ("", r"{\gdef\d{GSM8K}}\d", "GSM8K"),
        ("", r"{\global\def\d{GSM8K}}\d", "GSM8K"),
        ("", r"\begin{center}\newcommand{\d}{A}\d\end{center}\providecommand{\d}{B}\d", "A B"),
        # swallowed
        (r"\newcommand{\note}[2][]{}", r"A \note[me]{GSM8K} B", "A B"),
        (r"\usepackage[disable]{todonotes}", r"A \todo[inline]{GSM8K} B", "A B"),
        (r"\def\gone#1\endgone{}", r"A \gone GSM8K\endgone B", "A B"),
        (r"\long\def\comm/*#1*/{}", r"A \comm/* GSM8K */ B", "A B"),
        (r"\usepackage{environ}\NewEnviron{hide}{}", r"A \begin{hide}GSM8K\end{hide} B", "A B"),
        (r"\NewDocumentEnvironment{hide}{+b}{}{}", r"A \begin{hide}GSM8K\end{hide} B", "A B"),
        (r"\newenvironment{hide}{\setbox0\vbox\bgroup}{\egroup}", r"A \begin{hide}GSM8K\end{hide} B", "A B"),
        (r"\excludecomment{sol}", "A\n\\begin{sol}\nGSM8K\n\\end{sol}\nB", "A B"),
        (r"\excludecomment{sol}\includecomment{sol}", "A\n\\begin{sol}\nGSM8K\n\\end{sol}\nB", "A GSM8K B"),
        # conditionals
        (r"\newif\ifx\newif\ifdraft\drafttrue", r"\ifdraft A\else B\fi", "A"),
        (r"\newif\ifdraft", r"{\drafttrue\ifdraft A\fi}\ifdraft B\fi C", "AC"),
        (r"\newboolean{long}\setboolean{long}{true}", r"\ifthenelse{\boolean{long}}{A}{B}\iflong C\fi",
         "AC"),
        (r"\newtoggle{arxiv}\toggletrue{arxiv}", r"\iftoggle{arxiv}{A}{B}\nottoggle{arxiv}{C}{D}", "AD"),
        (r"\def\v{2}", r"\ifnum\v>1 A\else B\fi \ifnum\v=3 C\fi", "A"),
        (r"\def\draft{}", r"\ifdefined\draft A\else B\fi\ifdefined\final C\fi", "A"),
        (r"\def\v{a}", r"\ifthenelse{\equal{\v}{a} \AND \NOT 1>2}{A}{B}", "A"),
        (r"\newcounter{v}\setcounter{v}{2}", r"\ifcase\value{v} A\or B\or C\else D\fi", "C"),
        ("", r"\iffalse \ifx\a\b x\else y\fi GSM8K \else A\fi", "A"),
        ("", "\\iffalse % \\fi\nGSM8K\\fi A", "A"),
        ("", r"\ifCLASSOPTIONcompsoc A\else B\fi", "B"),
        (r"\newcommand{\pick}[2]{\ifx#1y#2\else no\fi}", r"\pick y{A} \pick n{B}", "A no"),
        (r"\newcommand{\only}[1]{\ifdefined\arxiv #1\fi}", r"A\only{GSM8K}", "A"),
        # verbatim
        ("", "\\begin{minted}[fontsize=\\small]{python}\nx % GSM8K {\n\\end{minted} A", "x % GSM8K { A"),
        (r"\lstnewenvironment{prompt}[1][]{\lstset{#1}}{}", "\\begin{prompt}[x=y]\n5% \\fi\n\\end{prompt}", r"5% \fi"),
        (r"\DefineVerbatimEnvironment{code}{Verbatim}{x=y}", "\\begin{code}\n# 5% $\n\\end{code}A", "# 5% $ A"),
        (r"\newenvironment{pr}{\small\verbatim}{\endverbatim}", "\\begin{pr}\n% GSM8K\n\\end{pr} A", "% GSM8K A"),
        (r"\MakeShortVerb{\|}", r"|100%| of |\GSM8K|", r"100% of \GSM8K"),
        ("", r"\lstinline!50% {! and \mintinline{c}{a%b} A", "50% { and a%b A"),
        ("", r"\verb*|a b%| \Verb+50%+", "a b% 50%"),
        ("", "\\begin{lstlisting}[caption={GSM8K prompt},label=lst:math]\nx\n\\end{lstlisting}", "GSM8K prompt x"),
        # names made of pieces
        ("", r"\expandafter\newcommand\csname hq:1\endcsname{HotpotQA}\csname hq:1\endcsname", "HotpotQA"),
        (r"\def\mk#1{\expandafter\def\csname b#1\endcsname{#1-Bench}}\mk{SWE}", r"\bSWE", "SWE-Bench"),
        (r"\def\mk#1#2{\@namedef{n@#1}{#2}}\mk{a}{GSM8K}", r"\@nameuse{n@a}", "GSM8K"),
        (r"\forcsvlist{\mk}{x}\newcommand{\b}{GSM8K\xspace}", r"\b is \b, \b(\b)", "GSM8K is GSM8K, GSM8K (GSM8K)"),
        ("", r"\foreach \n in {GSM8K, MATH} {\n; }", "GSM8K; MATH;"),
        (r"\def\a{A}\expandafter\def\expandafter\a\expandafter{\a B}", r"\a{} \a", "AB AB"),
        # arguments that are text and those that are none
        ("", r"A\footnote{GSM8K}, B\thanks{x}C", "A GSM8K , B x C"),
        ("", r"\begin{theorem}[GSM8K] x\end{theorem}\begin{figure}[!htb]A\end{figure}", "GSM8K x A"),
        ("", r"\newtcolorbox{box}[2][]{title={#2!},#1}\begin{box}[label=svamp]{GSM8K}x\end{box}", "GSM8K! x"),
        ("", r"\hyperref[sec:svamp]{GSM8K} \hyperlink{svamp}{MATH} \subref*{fig:svamp}", "GSM8K MATH"),
        ("", r"\lstset{caption=SVAMP}\captionsetup[table]{svamp}\crefname{svamp}{svamp}{svamps}A", "A"),
        ("", r"\textcites[see][]{svamp}[][p. 2]{gsm8k} A \citeauthoryear{svamp} \mycite{svamp}", "A"),
        ("", r"\Cref{a,b} \crefrange{svamp}{gsm8k} \eqref{svamp} \tabref{svamp} A", "A"),
        ("", r"\includegraphics*[width=2cm]{svamp}\includepdf[pages=-]{svamp}\bibliographystyle{svamp}A", "A"),
        ("", r"GSM\hspace{0pt}8K \kern-1pt A\allowbreak B", "GSM8K AB"),
        ("", r"\item[GSM8K] A \paragraph{MATH}We", "GSM8K A MATH We"),
        ("", r"\thead{Human\\Eval} \makecell{A B\\C}", "Human-Eval A B C"),
        ("", r"$\tau$-bench, $\tau^2$-Bench", "τ-bench, τ2-Bench"),
        # versions of a text
        (r"\usepackage{changes}", r"\added[id=x]{GSM8K} \deleted{SVAMP} \replaced{MATH}{SVAMP}", "GSM8K MATH"),
        (r"\providecommand{\DIFdel}[1]{\sout{#1}}", r"\DIFdelbegin \DIFdel{SVAMP}\DIFdelend \DIFadd{GSM8K}", "GSM8K"),
        # acronyms
        (r"\newacronym{g}{GSM8K}{Grade School}", r"\gls{g} \Gls{g} \acrlong{g} \glspl{g}",
         "Grade School (GSM8K) GSM8K Grade School GSM8Ks"),
        (r"\DeclareAcronym{g}{short=GSM8K, long={School, Grade}}", r"\ac{g}; \ac{g}; \acf{g}; \acs{g}",
         "School, Grade (GSM8K); GSM8K; School, Grade (GSM8K); GSM8K"),
        (r"\acrodef{g}[GSM8K]{Grade School}", r"\ac{g} \ac{g} \acl{g}", "Grade School (GSM8K) GSM8K Grade School"),
        (r"\newglossaryentry{g}{name={GSM8K}, description={x}}", r"\gls{g}", "GSM8K"),
        (r"\newacronym{g}{GSM8K}{Grade School}", r"\glsunset{g}\gls{g}\glsresetall{} \gls{g}",
         "GSM8K Grade School (GSM8K)"),
        # the end
        ("", "A \\end{document}\nGSM8K", "A"),
        ("", "A\n\\endinput GSM8K\nB", "A GSM8K"),
        ("", "A \\verb|\\end{document}| B", r"A \end{document} B"),
    ],
)  # fmt: skip
def test_a_document_prints_what_tex_sets(preamble: str, body: str, printed: str) -> None:
    """One construct each."""
    assert words(body, preamble) == printed


@pytest.mark.parametrize(
    ("body", "section"),
    [
        (r"{\color{white} WORD}", Section.HIDDEN),
        (r"\textcolor[rgb]{1,1,1}{WORD}", Section.HIDDEN),
        (r"\textcolor[HTML]{FFFFFF}{WORD}", Section.HIDDEN),
        (r"\definecolor{paper}{gray}{1}\textcolor{paper}{WORD}", Section.HIDDEN),
        (r"{\fontsize{0.1pt}{1pt}\selectfont WORD}", Section.HIDDEN),
        (r"\scalebox{0.01}{WORD}", Section.HIDDEN),
        (r"{\color{white} x} WORD", Section.BODY),
        (r"\color{white} x \color{black} WORD", Section.BODY),
        (r"\colorbox{black}{\color{white} WORD}", Section.BODY),
        (r"\textcolor{red}{WORD}", Section.BODY),
        (r"{\tiny WORD}", Section.BODY),
        (r"\begin{tabular}{l}\rowcolor{black}\color{white} WORD\end{tabular}", Section.TABLE),
        (r"\section*{Supplementary Material} WORD", Section.APPENDIX),
        (r"\begin{table}\caption{\textbf{x} WORD}\end{table}", Section.CAPTION),
    ],
)
def test_a_word_has_its_section(body: str, section: Section) -> None:
    """White words on white paper are hidden; in a coloured box or a table they are read."""
    text = read_latex({"main.tex": latex(body).encode()})
    assert text.section_at(text.text.index("WORD")) is section


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1", "utf-8"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_source_is_read_in_its_encoding_and_with_its_line_ends(encoding: str, line_end: str) -> None:
    """Comments end at the end of the line."""
    source = latex("Gödel % a remark\nGSM8K\n\nMATH").replace("\n", line_end)
    text = read_latex({"main.tex": source.encode(encoding)}).text
    assert text.split() == ["Gödel", "GSM8K", "MATH"]


def test_the_title_means_what_its_macros_mean_where_it_is_set() -> None:
    """A later definition does not change it."""
    text = read_latex(
        {"main.tex": latex(r"\maketitle \renewcommand{\x}{B}\x", r"\newcommand{\x}{A}\title{On \x}").encode()}
    )
    assert text.title == "On A"
    assert text.text.split() == ["On", "A", "B"]
