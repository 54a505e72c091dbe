"""What is right where the peers do not agree.

NSD is the measure, but for two things that it does because it keeps the names of all its zones in one tree, and that
Knot and BIND do not do. There ptrd is right when it agrees with one of them:

1. A name at or below which, or at or below an ancestor of which within its zone, another zone has data: a deeper zone
   that is served but not cut off by its parent, or the parent, occluded, a wildcard at the apex among it. NSD takes
   such a name to exist (NODATA); by RFC 1034 it does not (NXDOMAIN, or a wildcard's answer).
2. DS at the apex of a zone whose served parent has no cut there: NSD asks the child; RFC 4035, 3.1.4.1 the parent.

Where an alias leads to such a name there is no verdict, since BIND and Knot do not follow an alias from one zone into
another. BIND says SERVFAIL for a loop of aliases and copies CD, and AD when it comes; NSD and ptrd do neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.name

from tests.differential.compare import Difference, replies_of, same
from tests.differential.expansion import is_below
from tests.peers.asking import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.differential.compare import Target
    from tests.differential.expansion import Expansion, Labels
    from tests.differential.questions import Question

MEASURE = "nsd"
WITNESSES = ("knot", "bind")
DS = 43


def judge(
    name: str, world: Expansion, asked: Iterable[Question], targets: Mapping[str, Target], who: str
) -> list[Difference]:
    """List the questions that `who` answers wrongly; the witnesses are asked only where it does not agree with NSD."""
    wrong = []
    for question in asked:
        replies = replies_of(question, {one: targets[one] for one in (MEASURE, who)})
        if same(replies[who], replies[MEASURE]):
            continue
        replies |= replies_of(question, {one: targets[one] for one in WITNESSES if one in targets})
        names = names_of(question, replies[MEASURE])
        if is_runaway(replies[MEASURE]) or is_runaway(replies[who]):
            continue
        if any(is_disputed(world, question, one) for one in names[1:] + names_of(question, replies[who])[1:]):
            continue
        witnesses = [replies[one] for one in WITNESSES if one in replies]
        if is_disputed(world, question, names[0]) and any(agree(replies[who], one) for one in witnesses):
            continue
        wrong.append(Difference(name, question, replies))
    return wrong


def doubts(name: str, world: Expansion, asked: Iterable[Question], targets: Mapping[str, Target]) -> list[Difference]:
    """List the questions on which Knot and BIND agree against NSD for a reason that is not known.

    Known are the two above, aliases between zones, and NSEC beside an alias, which NSD follows and they do not.
    """
    found = []
    for question in asked:
        replies = replies_of(question, {one: targets[one] for one in (MEASURE, *WITNESSES)})
        nsd, knot, bind = (replies[one] for one in (MEASURE, *WITNESSES))
        if agree(nsd, knot) or agree(nsd, bind) or not (isinstance(knot, Reply) and agree(knot, bind)):
            continue
        names = names_of(question, nsd)
        if len(names) == 1 and not is_disputed(world, question, names[0]):
            found.append(Difference(name, question, replies))
    return found


def agree(one: Reply | str, witness: Reply | str) -> bool:
    """Tell whether a reply is a witness's, whatever that copied of the question's flags."""
    if isinstance(one, str) or isinstance(witness, str):
        return False
    copied = tuple(flag for flag in witness.flags if flag not in {"CD", "AD"})
    return same(one, witness._replace(flags=copied))


def is_runaway(reply: Reply | str) -> bool:
    """Tell whether DNAMEs lead round in circles, the name growing; every server stops somewhere else."""
    types = [record[1] for record in reply.answer] if isinstance(reply, Reply) else []
    return "DNAME" in types and types.count("CNAME") > 8


def names_of(question: Question, reply: Reply | str) -> list[Labels]:
    """List the name that is asked and those that aliases in the answer lead to."""
    names = [dns.name.from_wire(question.query, 12)[0]]
    if isinstance(reply, Reply):
        names += [dns.name.from_wire(rdata, 0)[0] for _, rtype, _, rdata in reply.answer if rtype == "CNAME"]
    return [tuple(label.lower() for label in name.labels[:-1]) for name in names]


def is_disputed(world: Expansion, question: Question, name: Labels) -> bool:
    """Tell whether a name that is asked for, or led to, is one of the two."""
    at = 12 + sum(len(label) + 1 for label in names_of(question, "")[0]) + 1
    if int.from_bytes(question.query[at : at + 2]) == DS and any(zone.origin == name for zone in world.zones):
        return True
    own = world.zone_of(name)
    others = [zone for zone in world.zones if zone is not own]
    if own is None:
        return False
    shared = [name[depth:] for depth in range(len(name) - len(own.origin))] + [(b"*", *own.origin)]
    return any(is_below(owner, above) for above in shared for other in others for owner in other.types)
