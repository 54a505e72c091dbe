"""What is right where the peers do not agree.

NSD is the measure, but for two things that it does because it keeps the names of all its zones in one tree, and that
Knot and BIND do not do; there either answer is taken, since a server's zones should not contradict their parents:

1. A name that exists in a zone only because a deeper zone, served but not cut off by its parent, has something at or
   below it. By RFC 1034 it does not exist in the parent (NXDOMAIN, or the parent's wildcard); NSD says NODATA.
2. DS at the apex of a zone whose served parent has no cut there: NSD asks the child; RFC 4035, 3.1.4.1 the parent.

BIND and Knot do not follow an alias from one zone into another, BIND says SERVFAIL for a loop of aliases and copies
CD, and AD when it comes; NSD and ptrd do neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.name

from tests.differential.compare import Difference, replies_of, same
from tests.differential.expansion import is_below, is_proper
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
        witnesses = [replies[one] for one in WITNESSES if one in replies]
        if is_disputed(world, question, replies[MEASURE]) and any(agree(replies[who], one) for one in witnesses):
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
        aliased = isinstance(nsd, Reply) and any(record[1] == "CNAME" for record in nsd.answer)
        if not aliased and not is_disputed(world, question, nsd):
            found.append(Difference(name, question, replies))
    return found


def agree(one: Reply | str, witness: Reply | str) -> bool:
    """Tell whether a reply is a witness's, whatever that copied of the question's flags."""
    if isinstance(one, str) or isinstance(witness, str):
        return False
    copied = tuple(flag for flag in witness.flags if flag not in {"CD", "AD"})
    return same(one, witness._replace(flags=copied))


def is_disputed(world: Expansion, question: Question, reply: Reply | str) -> bool:
    """Tell whether a question, or a name that its aliases lead to, is one of the two."""
    name, end = dns.name.from_wire(question.query, 12)
    qtype = int.from_bytes(question.query[12 + end : 14 + end])
    names = [name]
    if isinstance(reply, Reply):
        names += [dns.name.from_wire(rdata, 0)[0] for _, rtype, _, rdata in reply.answer if rtype == "CNAME"]
    return any(
        _is_leaked(world, labels) or (qtype == DS and any(zone.origin == labels for zone in world.zones))
        for labels in (tuple(label.lower() for label in one.labels[:-1]) for one in names)
    )


def _is_leaked(world: Expansion, name: Labels) -> bool:
    zone = world.zone_of(name)
    if zone is None:
        return False
    for at in range(len(name) - len(zone.origin)):
        above = name[at:]
        if any(is_below(owner, above) for owner in zone.types):
            continue
        if any(
            is_proper(other.origin, zone.origin) and is_below(o, above) for other in world.zones for o in other.types
        ):
            return True
    return False
