"""Whether a word is random, as tokens are, or made by people: names, numbers, dates, identifiers.

Letters of people come in syllables and their digits in numbers; in random text both are shreds.
"""

from __future__ import annotations

import re

_SHORTEST = 16
"""Characters; what is shorter can be guessed, and is rarely a secret of its own."""

_LONGEST = 2_000
"""Characters that are judged; what begins like a token goes on like one."""

_LEAST_SHREDS = 11
"""Characters that belong to no syllable or number, so many at least, or fewer ..."""

_LEAST_SHREDS_OF_ONE = 8
"""... where all kinds of letters stand mixed, in one word ..."""

_SHARE = 0.5
"""... and this part of all letters and digits at least."""

_LEAST_CHANGES = 6
"""Changes between capitals, small letters and digits inside of pieces, so many at least ..."""

_CHANGES = 0.34
"""... and this often, by letters and digits."""

_CHANGES_OF_ONE = 0.23
"""So often that hyphens are letters of base64url, too, and separate nothing."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=:-]+")
_PIECE = re.compile("[A-Za-z0-9]+")
_HEXADECIMAL = re.compile(r"(?=[a-fA-F]*[0-9])(?=[0-9]*[a-fA-F])(?:[0-9a-f]{32,}|[0-9A-F]{32,})")
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[A-Za-z0-9_-]+\Z")
"""Capitals and small letters in base64url's alphabet."""

_FRAGMENT = re.compile("[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

_KNOWN = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"  # UUID
    r"|[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}"
    r"|(?:[0-9a-f]{12}4[0-9a-f]{3}|0[12][0-9a-f]{10}7[0-9a-f]{3}|[0-9a-f]{12}11[a-f][0-9a-f])"
    r"[89ab][0-9a-f]{15}"  # versions 4, 7 and 1
    r"|[0-9a-f]{24}"  # ObjectId
    r"|[0-7][0-9A-HJKMNP-TV-Z]{25}"  # ULID
    r"|[0-9]{8}T[0-9]{6}(?:\.[0-9]+)?(?:Z|[+-][0-9:]{4,5})?"  # ISO 8601
    r"|[0-9-]+T[0-9:.,]+(?:Z|[+-][0-9:]{4,5})?"
    r"|[+-]?P(?:[0-9.,]+[YMWD])*(?:T(?:[0-9.,]+[HMS])+)?"
    r"|[a-z]{1,3}-[0-9a-f]{8,17}"  # a resource of AWS
    r"|(?:[a-z]+-)+[0-9a-z]{8,10}-[0-9a-z]{5}"  # a pod of Kubernetes
    r"|(?!key|tok|sec|ses|aut|res|inv|mag|cod|pas|sig)[a-z]{2,8}_[A-Za-z0-9]{6,18}"  # of Stripe
)
_FILE = re.compile(r"[^.].*\.(?:[a-z]{2,6}[0-9]?|[A-Z]{2,5}[0-9]?)")
"""A file or a host: it ends in a short word after a dot."""

_PAIRS = frozenset(
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io"
    " le ve co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho"
    " pe ec pr no ct us ac ot il tr ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt"
    " po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev ld ry"
    " mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by"
    " rm ep tt oc fa ef cu rn sc gi da yo cr cl du ga qu ue ff ba ey ls va um pp ua up lu go"
    " ht ru ug ds lt pi rc rr eg au ck ew mu br bi pt ak pu ui rg ib tl ny ki rk ys ob mm fu"
    " ph og ms ye ud mb ip ub oi rl gu dr hr cc tw ft wn nu af hu nn eo vo rv nf xp gn sm fl"
    " iz ok nl my gl aw ju oa sy sl ps jo lf nv je nk kn gs dy hy ze ks xt bs ik dd rp sk xi"
    " oe oy ws lv dl rf eu dg wr xa yi nm eb rb tm xc eh tc py ja gy tb ya sn vy nj hl db fy"
    " ix zo zi rh".split()
)
"""Two letters that stand beside each other in words."""


def token_like(text: str) -> bool:
    """Say whether *text*, a part of a path or a session's name, is random enough to be a secret.

    What is known not to be is not: UUIDs, ObjectIds, ULIDs, dates, names of files and hosts, slugs,
    identifiers, numbers, and ids that say their kind before a short rest (``cus_...``, ``i-...``).
    """
    text = text[:_LONGEST]
    if len(text) < _SHORTEST or not _TOKEN.fullmatch(text):
        return False
    if _KNOWN.fullmatch(text) or _FILE.fullmatch(text):
        return False
    pieces = _PIECE.findall(text)
    if any(map(_HEXADECIMAL.fullmatch, pieces)):
        return True
    size = sum(map(len, pieces))
    torn = [_FRAGMENT.findall(piece) for piece in pieces]
    changes = sum(map(len, torn)) - len(torn)
    least = _LEAST_SHREDS
    if changes >= _CHANGES_OF_ONE * size and _MIXED.match(text):
        torn = [_FRAGMENT.findall("".join(pieces))]
        least = _LEAST_SHREDS_OF_ONE
    shreds = sum(map(_shreds, torn))
    if changes >= _LEAST_CHANGES and changes >= _CHANGES * size:
        return True
    return shreds >= least and shreds >= _SHARE * size


def _shreds(fragments: list[str]) -> int:
    """Return how many characters of a piece are neither in a word nor in a number after one."""
    kinds = [_is_word(each) for each in fragments]
    if len(fragments) <= 2:
        longest = max(fragments, key=len)
        return 0 if len(longest) < 20 or longest.isdigit() or any(kinds) else len(longest)
    shreds, word = 0, False
    for each, is_word in zip(fragments, kinds, strict=True):
        if not is_word and not (word and each.isdigit()):
            shreds += len(each)
        word = is_word and len(each) > 3
    return shreds


def _is_word(letters: str) -> bool:
    """Say whether *letters* can be a word: three at least, in pairs that words have."""
    small = letters.lower()
    if len(small) < 3:
        return False
    usual = sum(small[at : at + 2] in _PAIRS for at in range(len(small) - 1))
    return usual >= 0.75 * (len(small) - 1)
