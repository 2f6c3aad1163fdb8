"""Written text -> what is heard of it: words without marks and capitals, and the mark and the case of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.text.punctuation import CAPITALISED, LISTED, LOWER, MARKS, SENTENCE_ENDS, UPPER, plain_letters
from audio_lstm.speech.text.spoken import fold_accents, spoken_forms
from audio_lstm.speech.text.spoken_words import ABBREVIATIONS

__all__ = ["Heard", "TextReader", "listed_forms", "parse_token"]

_DASH = re.compile(r"\s*(?:[—–―]|--+|\s-\s)+\s*(?![\s\"'”’.,;:?!)]+)")
_APOSTROPHES = str.maketrans(dict.fromkeys("’ʼ＇`", "'"))
_OPENING = "\"'“”‘«([{<*_¡¿‚„`"
_CLOSING = "\"'“”’»)]}>*_`"
_SAID = re.compile(r"[\d%&@#$£€¥°+=½¼¾]")
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.)+$")
_ABBREVIATED = re.compile(rf"\b(?:{'|'.join(re.escape(name) for name in ABBREVIATIONS if name.endswith('.'))})", re.I)
_NONE, _DASH_MARK = MARKS.index(""), MARKS.index(" –")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_N_PARTS, _LEAST_PARTS = 50, 6


@dataclass(frozen=True)
class Heard:
    """A word as it is heard, and how it was written."""

    word: str  # lower case, letters and apostrophes
    mark: int  # index of MARKS: what follows it
    case: int  # index of CASES


class TextReader:
    """Reads sentences; remembers how each token is heard, since most are frequent."""

    def __init__(self, forms: Iterable[str] = (), *, alphabet: Alphabet = ENGLISH, language: str = "en") -> None:
        """Read nothing yet.

        Args:
            forms: The listed spellings.
            alphabet: What the recogniser writes; other letters lose their accents.
            language: Of the text, an IETF tag.
        """
        self.alphabet, self.language = alphabet, language
        self._forms = frozenset(forms)
        self._known: dict[str, tuple[Heard, ...]] = {}

    def read(self, line: str) -> tuple[Heard, ...]:
        """The words of a sentence.

        Args:
            line: One or more sentences as they are printed.

        Returns:
            Its words; none where it has no letters.
        """
        tokens = _DASH.sub("— ", line).split()
        heard: list[Heard] = []
        said_of = self._said(tokens) if _SAID.search(line) or _abbreviates(line) else [None] * len(tokens)
        for token, said in zip(tokens, said_of, strict=True):
            if said is None and token not in self._known:
                self._known[token] = parse_token(token, self._forms, self.alphabet)
            found = self._known[token] if said is None else parse_token(said, self._forms, self.alphabet)
            if not found and heard:  # a mark by itself
                mark = _mark_of(token)
                heard[-1] = Heard(heard[-1].word, heard[-1].mark or mark, heard[-1].case)
            heard += found
        return tuple(heard)

    def _said(self, tokens: Sequence[str]) -> list[str | None]:
        """For each token what is said of it, where that is not what stands there."""
        forms = spoken_forms(tokens, language=self.language)
        said: list[str | None] = []
        for place, (token, ways) in enumerate(zip(tokens, forms, strict=True)):
            if ways[0] == token:
                said.append(None)
                continue
            way = ways[0]
            core = token.lstrip(_OPENING)
            if core[:1].isupper() and way[:1].islower():
                way = way[:1].upper() + way[1:]
            stripped = token.rstrip(_CLOSING + ",;:?!—")
            dotted = stripped.endswith(".") and place == len(tokens) - 1
            said.append(f"{way}." if dotted and way.rstrip(_CLOSING)[-1:] not in ".?!" else way)
        return said


def parse_token(token: str, forms: frozenset[str], alphabet: Alphabet) -> tuple[Heard, ...]:
    """The words of what stands between two spaces.

    Args:
        token: With its punctuation: '“Anglo-Saxon,”' is two words.
        forms: The listed spellings.
        alphabet: What the recogniser writes.

    Returns:
        The words; the last one has the mark. None where there is no letter.
    """
    mark = _mark_of(token)
    core = token.translate(_APOSTROPHES).strip("".join({*_OPENING, *_CLOSING, *".,;:?!…—–-"}))
    if _DOTTED.search(f"{core}.") and (len(core) > 1 or core not in "IAO") and MARKS[mark] == ".":
        mark = _NONE  # initials
    parts = [part.strip("'") for part in re.split(r"[^\w']+|_", core) if part.strip("'")]
    if not parts or any(character.isdigit() for character in core):
        return ()
    heard = []
    for part in parts:
        plain = fold_accents(part, alphabet)
        heard.append(Heard(plain.lower(), _NONE, _case_of(part, plain, forms)))
    heard[-1] = Heard(heard[-1].word, mark, heard[-1].case)
    return tuple(heard)


def listed_forms(lines: Sequence[str], *, least: int = 3) -> tuple[str, ...]:
    """Words that a text mostly spells in a way of their own: "McDonald", "iPhone", "café".

    Args:
        lines: The text.
        least: How often a spelling must be seen. A foreign name is listed only where several parts of the text have it:
            one book's way to write it is no rule.

    Returns:
        The spellings, in order.
    """
    seen: Counter[str] = Counter()
    parts: dict[str, set[int]] = {}
    for number, line in enumerate(lines):
        for token in _WORD.findall(line.translate(_APOSTROPHES)):
            form = token.removesuffix("'s")
            seen[form] += 1
            if not form.isascii() and form[:1].isupper():
                parts.setdefault(form, set()).add(_N_PARTS * number // len(lines))
    plain: Counter[str] = Counter()
    odd: dict[str, str] = {}
    for form, times in seen.items():
        if form.isascii() and (form[1:].islower() or form.isupper() or len(form) < 2):
            plain[form.lower()] += times
        elif times >= least and len(parts.get(form, range(_LEAST_PARTS))) >= _LEAST_PARTS:
            letters = plain_letters(form)
            odd[letters] = max(odd.get(letters, form), form, key=lambda each: seen[each])
    kept = [form for letters, form in odd.items() if seen[form] > plain[letters] and not form.isupper()]
    return tuple(sorted(form for form in kept if len(form) > 3 and form.replace("'", "").isalpha()))


def _abbreviates(line: str) -> bool:
    return "." in line[:-1] and _ABBREVIATED.search(line) is not None


def _mark_of(token: str) -> int:
    """The mark at the end of a token."""
    tail = token[len(token.rstrip("".join({*_CLOSING, *".,;:?!…—–-", "’"}))) :]
    ends = [character for character in tail if character in SENTENCE_ENDS]
    if "…" in tail or "..." in tail:
        return MARKS.index("?") if "?" in tail else MARKS.index("!") if "!" in tail else MARKS.index(".")
    if "?" in ends:
        return MARKS.index("?")
    if "!" in ends:
        return MARKS.index("!")
    if ends:
        return MARKS.index(".")
    if "—" in tail or "–" in tail:
        return _DASH_MARK
    return next((MARKS.index(character) for character in tail if character in ",;:"), _NONE)


def _case_of(written: str, plain: str, forms: frozenset[str]) -> int:
    lower = plain.lower()
    if written.removesuffix("'s") in forms:
        return LISTED
    if plain == lower:
        return LOWER
    letters = [character for character in plain if character.isalpha()]
    if len(letters) > 1 and plain == plain.upper():
        return UPPER
    return CAPITALISED if plain[:1].isupper() else LOWER
