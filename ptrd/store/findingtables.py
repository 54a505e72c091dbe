"""What was found about the names of pointers, in SQLite, and each project's policy about it.

Every pointer has one row here from its beginning to its end, which says `unchecked` and is due as soon as its names
change. A finding is about names: one about others than the pointer has is not written. Nothing of this is a change: it
takes no revision and no row of the journal. How many there are of each verdict is counted as they come and go.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ptrd.records.confirmation import UNCHECKED, Confirmation
from ptrd.records.trust import Verdict
from ptrd.store.database import DueFinding
from ptrd.store.tables import Tables, pack, unpack

if TYPE_CHECKING:
    from ptrd.records.management import Address, Policy

SCHEMA: Final = """
ALTER TABLE projects ADD COLUMN policy TEXT CHECK (policy IN ('off', 'warn', 'require'));

CREATE TABLE findings (
    version INTEGER NOT NULL,
    address BLOB NOT NULL,
    project TEXT NOT NULL,
    verdict TEXT NOT NULL DEFAULT 'unchecked',
    sentence TEXT NOT NULL DEFAULT '',
    remarks TEXT NOT NULL DEFAULT '[]',
    note TEXT NOT NULL DEFAULT '',
    checked REAL NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (version, address),
    FOREIGN KEY (version, address) REFERENCES pointers (version, address) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO findings (version, address, project) SELECT version, address, project FROM pointers;
CREATE INDEX findings_of_project ON findings (project, due);

CREATE TABLE finding_counts (
    project TEXT NOT NULL,
    verdict TEXT NOT NULL,
    findings INTEGER NOT NULL,
    PRIMARY KEY (project, verdict)
) STRICT, WITHOUT ROWID;
INSERT INTO finding_counts (project, verdict, findings)
    SELECT project, verdict, count(*) FROM findings GROUP BY project, verdict;
CREATE TRIGGER finding_came AFTER INSERT ON findings BEGIN
    INSERT INTO finding_counts (project, verdict, findings) VALUES (NEW.project, NEW.verdict, 1)
        ON CONFLICT (project, verdict) DO UPDATE SET findings = findings + 1;
END;
CREATE TRIGGER finding_went AFTER DELETE ON findings BEGIN
    UPDATE finding_counts SET findings = findings - 1 WHERE project = OLD.project AND verdict = OLD.verdict;
END;
CREATE TRIGGER finding_changed AFTER UPDATE OF project, verdict ON findings
WHEN NEW.project <> OLD.project OR NEW.verdict <> OLD.verdict BEGIN
    UPDATE finding_counts SET findings = findings - 1 WHERE project = OLD.project AND verdict = OLD.verdict;
    INSERT INTO finding_counts (project, verdict, findings) VALUES (NEW.project, NEW.verdict, 1)
        ON CONFLICT (project, verdict) DO UPDATE SET findings = findings + 1;
END;

CREATE TRIGGER pointer_unchecked AFTER INSERT ON pointers BEGIN
    INSERT INTO findings (version, address, project) VALUES (NEW.version, NEW.address, NEW.project);
END;
CREATE TRIGGER pointer_renamed AFTER UPDATE OF names, project ON pointers
WHEN NEW.names <> OLD.names OR NEW.project <> OLD.project BEGIN
    UPDATE findings SET project = NEW.project, verdict = 'unchecked', sentence = '', remarks = '[]', note = '',
        checked = 0, due = 0 WHERE version = NEW.version AND address = NEW.address;
END;
"""


class FindingTables(Tables):
    """What is known of names."""

    def put_finding(self, address: Address, found: Confirmation, due: float) -> None:
        """Write what was found, and when the next look is due; nothing when the pointer is gone or has other names."""
        self.run(
            "UPDATE findings SET verdict = ?, sentence = ?, remarks = ?, note = ?, checked = ?, due = ?"
            " WHERE version = ? AND address = ? AND EXISTS (SELECT 1 FROM pointers WHERE pointers.version ="
            " findings.version AND pointers.address = findings.address AND pointers.names = ?)",
            str(found.verdict),
            found.sentence,
            json.dumps(found.remarks),
            found.note,
            found.checked,
            due,
            address.version,
            pack(address.number),
            json.dumps(found.names),
        )

    def due_findings(self, policy: Policy, now: float, limit: int) -> list[DueFinding]:
        """Give pointers whose names are to be looked at now, what was never looked at first, then what waits longest.

        They are of projects whose policy, or else the global `policy`, is not off.
        """
        projects = self.rows(
            "SELECT * FROM (SELECT id, (SELECT min(due) FROM findings WHERE project = projects.id) AS first FROM"
            " projects WHERE coalesce(policy, ?) <> 'off') WHERE first <= ? ORDER BY first LIMIT ?",
            str(policy),
            now,
            limit,
        )  # fmt: skip - as they stand in the question
        found: list[Any] = []
        for project, first in projects.fetchall():
            if len(found) >= limit and first >= found[-1][0]:
                break  # all others are due later
            found += self.rows(
                "SELECT due, version, address, names, verdict, sentence, remarks, checked, note FROM findings"
                " JOIN pointers USING (version, address) WHERE findings.project = ? AND due <= ?"
                " ORDER BY due LIMIT ?",
                project,
                found[-1][0] if len(found) >= limit else now,
                limit,
            ).fetchall()  # fmt: skip - as they stand in the question
            found.sort(key=lambda row: row[:3])
            del found[limit:]
        return [
            DueFinding(unpack(version, number), tuple(json.loads(row[0])), confirmation_of(*row))
            for _, version, number, *row in found
        ]

    def next_due(self, policy: Policy) -> float | None:
        """Give when the next look is due, in Unix time; None when none ever is, as nobody has a policy but off."""
        row = self.row(
            "SELECT min((SELECT min(due) FROM findings WHERE project = projects.id)) FROM projects"
            " WHERE coalesce(policy, ?) <> 'off'",
            str(policy),
        )
        return None if row is None or row[0] is None else float(row[0])

    def has_outdated_findings(self, policy: Policy) -> bool:
        """Tell whether there are findings of projects whose policy is off by now."""
        row = self.row(
            "SELECT 1 FROM finding_counts JOIN projects ON projects.id = project"
            " WHERE coalesce(policy, ?) = 'off' AND verdict <> 'unchecked' AND findings > 0 LIMIT 1",
            str(policy),
        )
        return row is not None

    def forget_findings(self, policy: Policy, limit: int) -> None:
        """Forget so many findings of projects whose policy is off: nobody renews them."""
        self.run(
            "UPDATE findings SET verdict = 'unchecked', sentence = '', remarks = '[]', note = '', checked = 0, due = 0"
            " WHERE (version, address) IN (SELECT version, address FROM findings JOIN projects ON projects.id = project"
            " WHERE coalesce(policy, ?) = 'off' AND verdict <> 'unchecked' LIMIT ?)",
            str(policy),
            limit,
        )

    def count_findings(self, policy: Policy) -> dict[str, int]:
        """Count the pointers of projects with a policy other than off, by verdict, and those that are unchecked."""
        rows = self.rows(
            "SELECT verdict, sum(findings) FROM finding_counts JOIN projects ON projects.id = project"
            " WHERE coalesce(policy, ?) <> 'off' GROUP BY verdict",
            str(policy),
        )
        return dict(rows.fetchall())


def confirmation_of(
    names: str, verdict: str, sentence: str, remarks: str, checked: float, note: str
) -> Confirmation | None:
    """Make what is known of names of a row; None when nobody has looked."""
    if verdict == UNCHECKED:
        return None
    return Confirmation(tuple(json.loads(names)), Verdict(verdict), sentence, tuple(json.loads(remarks)), checked, note)
