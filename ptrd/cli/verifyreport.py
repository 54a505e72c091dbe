"""What `ptrd verify` found, printed as it comes: a line for what is wrong, and counts at the end.

Programs get every name; people get those that need something done. Nothing is kept but the counts.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from ptrd.cli.output import cells, plain
from ptrd.records.trust import Finding, Verdict, advice, looks_generic

if TYPE_CHECKING:
    from ptrd.cli.verifysources import Item

_NAMELESS: Final = "no_record"  # beside the verdicts on names: the address has none
_NAME_IT: Final = "give it a name: `ptrd ptr create` does, or a record or a default in its zone file"
FIELDS: Final = ("address", "name", "source", "verdict", "reason", "leads_to", "remarks", "advice")


class Report:
    """Takes findings and prints them; `output` is table, json or csv."""

    def __init__(self, output: str) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self.remarks = 0  # names that have any, where a remark says something
        self.generic = 0  # default names that look generic, as they are meant to
        self.nameless = 0  # addresses without any name
        self._output = output
        self._addresses = 0
        self._last: list[str] = []  # the object that a comma follows, if there is another

    @property
    def is_confirmed(self) -> bool:
        """Tell whether every name led back to its address."""
        return not self.nameless and self.verdicts.total() == self.verdicts[Verdict.CONFIRMED]

    def add(self, item: Item, findings: tuple[Finding, ...]) -> list[str]:
        """Count what was found of an address; give the lines to print."""
        self._addresses += 1
        if not item.names:
            self.nameless += 1
            return self._print(item, None, item.remarks, _NAME_IT)
        lines = []
        for at, finding in enumerate(findings):
            lines += self._lines(item if not at else item._replace(remarks=()), finding)
        return lines

    def begin(self) -> list[str]:
        """Give what stands before the first line."""
        if self._output == "csv":
            return [_csv_line(FIELDS)]
        return ["["] if self._output == "json" else []

    def end(self) -> list[str]:
        """Give what stands behind the last line."""
        return [*self._last, "]"] if self._output == "json" else []

    def summary(self) -> str:
        """Count, in one sentence."""
        names = self.verdicts.total()
        if not self._addresses:
            return "nothing to verify: there is no record and no default name"
        told = [f"{self.verdicts[one]} {one}" for one in Verdict if self.verdicts[one] or one is Verdict.CONFIRMED]
        if self.nameless:
            told.append(f"{self.nameless} {_NAMELESS}")
        text = f"{_count(names, 'name')} of {_count(self._addresses, 'address', 'es')}: {', '.join(told)}"
        if self.remarks:
            text += f"; {self.remarks} with remarks"
        return text + (f"; {_count(self.generic, 'default name')} looking generic" if self.generic else "")

    def _lines(self, item: Item, finding: Finding) -> list[str]:
        self.verdicts[finding.verdict] += 1
        remarks = finding.remarks
        if item.source == "default" and not item.named:
            generic = looks_generic(item.address, finding.name)
            self.generic += bool(generic)
            remarks = tuple(remark for remark in remarks if remark != generic)
        self.remarks += bool(remarks or item.remarks)
        return self._print(item, finding, remarks, advice(item.address, finding._replace(remarks=remarks)))

    def _print(self, item: Item, finding: Finding | None, remarks: tuple[str, ...], todo: str) -> list[str]:
        """Give the lines of a name, or of an address without names, whose remarks say why."""
        if self._output == "table":
            return _table_lines(item, finding, remarks, todo)
        if finding is None:
            finding = Finding("", Verdict.NO_NAME, "; ".join(remarks))
            verdict = _NAMELESS
        else:
            finding = finding._replace(remarks=(*finding.remarks, *item.remarks))
            verdict = str(finding.verdict)
        row = {
            "address": str(item.address),
            "name": finding.name,
            "source": item.source,
            "verdict": verdict,
            "reason": finding.sentence,
            "leads_to": list(finding.leads_to),
            "remarks": list(finding.remarks),
            "advice": todo,
        }
        if self._output == "csv":
            return [_csv_line(cells(row | {"remarks": "; ".join(finding.remarks)}, FIELDS))]
        before, self._last = self._last, [f"  {json.dumps(row)}"]
        return [f"{line}," for line in before]


def _table_lines(item: Item, finding: Finding | None, remarks: tuple[str, ...], todo: str) -> list[str]:
    if finding is None:
        return [plain(f"{item.address}: {_NAMELESS}: {'; '.join(remarks)}; {todo}")]
    lines = []
    if finding.verdict is not Verdict.CONFIRMED:
        lines.append(f"{item.address}: {finding.verdict}: {finding.sentence}; {todo}")
        todo = ""
    elif item.named:
        lines.append(f"{item.address}: {finding.verdict}: {finding.name} leads to {', '.join(finding.leads_to)}")
    lines += [f"{item.address}: remark: {remark}{'; ' + todo if todo else ''}" for remark in remarks]
    lines += [f"{item.address}: remark: {remark}" for remark in item.remarks]
    return [plain(line) for line in lines]


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else plural}"


class _Line:
    """A stream that keeps what was written last, since csv writes to streams only."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> Any:  # noqa: ANN401 - as csv has it
        """Keep a text."""
        self.text = text


def _csv_line(row: tuple[str, ...] | list[str]) -> str:
    line = _Line()
    csv.writer(line, lineterminator="").writerow(row)
    return line.text


def print_lines(lines: list[str]) -> None:
    """Print lines on standard output."""
    if lines:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
