"""The shapes of all that the native API takes and gives, as JSON Schema 2020-12: the one place where they are written.

Bodies are checked against them (`nativebody`), answers are tested against them, and the document publishes them.
Every key of an answer is always there; a body may have the keys that are listed, and no others.
"""

from __future__ import annotations

from typing import Any, Final

from ptrd.control.actors import Role
from ptrd.control.credentialviews import Kind
from ptrd.control.inventory import MAX_QUOTA
from ptrd.control.native.problems import KINDS
from ptrd.records.management import (
    DEFAULT_TTL,
    MAX_DESCRIPTION,
    MAX_NAMES,
    MAX_TAGS,
    MAX_TTL,
    QUOTA,
    Policy,
)
from ptrd.records.trust import Verdict

Schema = dict[str, Any]

MAX_REVISION: Final = 2**63 - 1
MAX_PAGE: Final = 1000
MAX_WAIT: Final = 60
STATUSES: Final = (
    "ACTIVE", "PENDING_CREATE", "PENDING_UPDATE", "PENDING_DELETE", "PENDING_FREEZE", "FREEZE", "ERROR", "INACTIVE",
)  # fmt: skip
ROLES: Final = tuple(role.value for role in Role)
MEMBER_ROLES: Final = (Role.READER.value, Role.WRITER.value)


def _of(kind: str, description: str = "", **more: Any) -> Schema:  # noqa: ANN401 - JSON
    return {"type": kind, **({"description": description} if description else {}), **more}


def _maybe(kind: str, description: str = "", **more: Any) -> Schema:  # noqa: ANN401 - JSON
    return {**_of(kind, description, **more), "type": [kind, "null"]}


def _list(item: Schema, description: str = "", **more: Any) -> Schema:  # noqa: ANN401 - JSON
    return _of("array", description, items=item, **more)


def _see(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _maybe_see(name: str) -> Schema:
    return {"anyOf": [_see(name), {"type": "null"}]}


def _answer(properties: Schema, description: str = "") -> Schema:
    """Give the schema of an answer: every key is there, and no other."""
    return _of("object", description, properties=properties, required=list(properties), additionalProperties=False)


def _body(properties: Schema, *required: str, description: str = "") -> Schema:
    """Give the schema of a body: no other key may be there."""
    return _of(
        "object", description, properties=properties, required=list(required), additionalProperties=False
    ) if required else _of("object", description, properties=properties, additionalProperties=False)  # fmt: skip


def _page(item: str, key: str) -> Schema:
    return _answer(
        {
            key: _list(_see(item)),
            "next_marker": _maybe("string", "`marker` for what follows; null at the end"),
        }
    )


def _edit(item: str, what: str) -> Schema:
    return _answer(
        {
            "dry_run": _of("boolean", "always true: nothing has changed", const=True),
            "before": {**_maybe_see(item), "description": f"{what} as it is; null when there is none"},
            "after": {**_maybe_see(item), "description": f"{what} as it would be; null when there would be none"},
        },
        "What a change would do.",
    )


_TIME: Final = _of("string", "UTC, RFC 3339", format="date-time")
_MAYBE_TIME: Final = _maybe("string", "UTC, RFC 3339", format="date-time")
_TAGS: Final = _of("object", f"keys and values, at most {MAX_TAGS}", additionalProperties={"type": "string"})
_NAMES: Final = _list(
    _of("string"), f"1 to {MAX_NAMES} host names; the final dot is optional", minItems=1, maxItems=MAX_NAMES
)
_FIELDS: Final[Schema] = {
    "names": _NAMES,
    "ttl": _of("integer", "seconds", minimum=1, maximum=MAX_TTL, default=DEFAULT_TTL),
    "description": _of("string", maxLength=MAX_DESCRIPTION, default=""),
    "tags": _TAGS,
    "enterprise_project_id": _of("string", maxLength=36, default="0"),
}
_WHERE: Final[Schema] = {
    "address": _of("string", "IPv4 or IPv6"),
    "region": _of("string", "with eip_id, instead of address"),
    "eip_id": _of("string", "id of an EIP, or `id~address` for one address of a prefix"),
}

_LABEL: Final = _of("string", "unique; 1 to 64 letters, digits, spaces within and . _ -")
_QUOTA: Final = _of("integer", "records over all its projects", minimum=0, maximum=MAX_QUOTA, default=QUOTA)
_POLICY: Final = _maybe(
    "string", "whether names have to lead back; null: as configured", enum=[*map(str, Policy), None]
)
_ROLE: Final = _of("string", enum=list(MEMBER_ROLES))
_PASSWORD: Final = _of("string", writeOnly=True)
_CREDENTIAL: Final[Schema] = {
    "kind": _of("string", enum=[kind.value for kind in Kind]),
    "id": _of("string", "of an access key, the key itself"),
    "name": _of("string"),
    "role": _of("string", enum=list(ROLES)),
    "project_id": _maybe("string", "null for an operator's"),
    "user_id": _maybe("string"),
    "expires": _MAYBE_TIME,
    "disabled": _of("boolean"),
    "created": _TIME,
    "last_used": _maybe("string", "the day; UTC, RFC 3339", format="date-time"),
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Problem": _answer(
        {
            "type": _of("string", "a place in this documentation", format="uri-reference"),
            "title": _of("string"),
            "status": _of("integer"),
            "detail": _of("string", "a sentence for the person who asked"),
            "code": _of("string", "for programs", enum=[str(code) for code in KINDS]),
            "request_id": _of("string", "as in X-Request-Id"),
            "field": _of("string", "the field, parameter or header that is meant"),
            "errors": _list(_see("Fault"), "each of several things that are wrong"),
        },
        "RFC 9457.",
    )
    | {"required": ["type", "title", "status", "detail", "code", "request_id"]},
    "Fault": _body(
        {
            "code": _of("string", enum=[str(code) for code in KINDS]),
            "detail": _of("string"),
            "field": _of("string"),
            "index": _of("integer", "which operation of a bulk, from 0; which line of a file, from 1", minimum=0),
        },
        "code",
        "detail",
    ),
    "Record": _answer(
        {
            "address": _of("string"),
            "names": _list(_of("string"), "in lower case, with the final dot; empty when there is no record"),
            "ttl": _maybe("integer"),
            "description": _of("string"),
            "tags": _TAGS,
            "enterprise_project_id": _maybe("string"),
            "project_id": _of("string"),
            "region": _of("string"),
            "eip_id": _of("string"),
            "id": _maybe("string", "32 hex digits; null when there is no record"),
            "status": _of("string", "PENDING_* until every worker has it", enum=list(STATUSES)),
            "reason": _of("string", "why it is in ERROR, or frozen"),
            "served": _list(_of("string"), "what DNS says once the change is live: its names, or the default one"),
            "confirmation": _maybe(
                "string", "whether its names lead back to the address; null when nobody has looked",
                enum=[*map(str, Verdict), None],
            ),
            "confirmation_reason": _of("string", "why not, and what to do; empty when they do"),
            "confirmation_remarks": _list(_of("string"), "what mail servers may distrust in a name all the same"),
            "confirmation_checked": _maybe("string", "when that was found", format="date-time"),
            "revision": _of("integer", "of the record's last change; the ETag"),
            "created": _MAYBE_TIME,
            "updated": _MAYBE_TIME,
        },
        "The PTR record of one address.",
    ),
    "RecordPage": _answer(
        {
            "records": _list(_see("Record")),
            "total": _of("integer", "of all pages"),
            "next_marker": _maybe("string", "`marker` for what follows; null at the end"),
        }
    ),
    "Addresses": _answer({"addresses": _list(_see("Record"))}),
    "TagValues": _answer(
        {"tags": _of("object", "each key, with its values", additionalProperties=_list(_of("string")))}
    ),
    "RecordEdit": _edit("Record", "the record"),
    "RecordCreate": _body({**_WHERE, **_FIELDS}, "names", description="Say `address`, or `region` and `eip_id`."),
    "RecordReplace": _body(_FIELDS, "names", description="What is left out gets its default."),
    "RecordModify": _body(_FIELDS, description="What is left out stays."),
    "BulkOperation": _body(
        {
            "op": _of("string", "`set` creates or modifies", enum=["create", "modify", "set", "delete"]),
            **_WHERE,
            "id": _of("string", "of the record, instead of address"),
            **_FIELDS,
            "if_match": _of("integer", "the revision that the record must have", minimum=0, maximum=MAX_REVISION),
        },
        "op",
    ),
    "Bulk": _body(
        {
            "operations": _list(_see("BulkOperation"), "all are done, or none", minItems=1),
            "yes": _of("boolean", "also when more than 30 % of the records would be deleted", default=False),
        },
        "operations",
    ),
    "BulkResult": _answer(
        {
            "dry_run": _of("boolean", "true when nothing has changed"),
            "live": _of("boolean", "every worker has all of it; of records that are gone nothing else tells it"),
            "changes": _list(
                _answer({"before": _maybe_see("Record"), "after": _maybe_see("Record")}), "in order of the operations"
            ),
        }
    ),
    "Freeze": _body({"reason": _of("string", "why", maxLength=MAX_DESCRIPTION)}, "reason"),
    "Quota": _answer(
        {
            "account_id": _maybe("string"),
            "limit": _of("integer", "records that the account may have, over all its projects"),
            "used": _of("integer"),
        }
    ),
    "JournalEntry": _answer(
        {
            "revision": _of("integer"),
            "time": _TIME,
            "actor": _of("string"),
            "action": _of("string"),
            "project_id": _maybe("string"),
            "address": _maybe("string"),
            "before": _maybe("object"),
            "after": _maybe("object"),
            "request_id": _of("string"),
            "serials": _of(
                "object",
                "zone -> its serial before, null for a new one, and after",
                additionalProperties=_list({"type": ["integer", "null"]}, minItems=2, maxItems=2),
            ),
        }
    ),
    "Journal": _answer(
        {
            "entries": _list(_see("JournalEntry"), "oldest first, unless `newest_first`"),
            "next_after": _maybe("integer", "`after` for what follows; null at the end"),
        }
    ),
    "WhoAmI": _answer(
        {
            "name": _of("string"),
            "role": _of("string", enum=list(ROLES)),
            "project_id": _maybe("string"),
            "account_id": _maybe("string"),
        }
    ),
    "Eip": _answer(
        {
            "region": _of("string"),
            "id": _of("string"),
            "prefix": _of("string", "its address with /32 or /128, or the prefix in which any address may be named"),
            "address": _maybe("string", "null for a prefix"),
            "project_id": _of("string"),
            "created": _TIME,
        },
        "An address, or a prefix, that a project has in a region.",
    ),
    "EipPage": _page("Eip", "eips"),
    "EipCreate": _body(
        {
            "id": _of("string", "1 to 64 letters, digits and . _ -; left out, it gets a UUID"),
            "region": _of("string"),
            "project": _of("string", "id or name"),
            "address": _of("string", "an address, or a prefix such as 2001:db8:1::/64"),
        },
        "region", "project", "address",
    ),
    "EipEdit": _answer(
        {
            "dry_run": _of("boolean", "true when nothing has changed"),
            "before": {**_maybe_see("Eip"), "description": "the EIP as it was; null when there was none"},
            "after": {**_maybe_see("Eip"), "description": "the EIP as it is then; null when it is gone"},
            "warning": _of("string", "why its names would not be served, else empty"),
            "released": _list(_of("string"), "addresses whose records went with it"),
        },
        "What a change does, or would do.",
    ),
    "EipImport": _answer(
        {
            "dry_run": _of("boolean", "true when nothing has changed"),
            "added": _list(_see("Eip")),
            "unchanged": _of("integer", "EIPs that were there already"),
            "warnings": _list(_answer({"line": _of("integer"), "detail": _of("string")})),
        }
    ),
    "Account": _answer(
        {
            "id": _of("string"),
            "name": _of("string"),
            "quota": _of("integer", "records that it may have"),
            "used": _of("integer", "records that it has"),
            "disabled": _of("boolean"),
            "created": _TIME,
        }
    ),
    "Accounts": _answer({"accounts": _list(_see("Account"))}),
    "AccountCreate": _body({"name": _LABEL, "quota": _QUOTA}, "name"),
    "AccountModify": _body({"quota": _QUOTA, "disabled": _of("boolean")}, description="One of them."),
    "AccountEdit": _edit("Account", "the account"),
    "Project": _answer(
        {
            "id": _of("string"),
            "name": _of("string"),
            "account_id": _of("string"),
            "disabled": _of("boolean"),
            "policy": _POLICY,
            "created": _TIME,
        }
    ),
    "Projects": _answer({"projects": _list(_see("Project"))}),
    "ProjectCreate": _body({"name": _LABEL, "account": _of("string", "id or name")}, "name", "account"),
    "ProjectModify": _body({"disabled": _of("boolean"), "policy": _POLICY}, description="One of them."),
    "ProjectEdit": _edit("Project", "the project"),
    "Credential": _answer(_CREDENTIAL, "Without its secret."),
    "Credentials": _answer({"credentials": _list(_see("Credential"))}),
    "CreatedCredential": _answer(
        {**_CREDENTIAL, "secret": _of("string", "the token, the secret key, or the secret; shown this once")}
    ),
    "CredentialEdit": _edit("Credential", "the credential"),
    "CredentialModify": _body({"disabled": _of("boolean")}, "disabled"),
    "TokenCreate": _body(
        {
            "name": _LABEL,
            "project": _of("string", "id or name; left out, the token is an operator's"),
            "role": _of("string", "left out: writer with a project, else operator", enum=list(ROLES)),
            "expires": _TIME,
        }
    ),
    "KeyCreate": _body({"name": _LABEL, "project": _of("string", "id or name"), "role": _ROLE}, "project"),
    "ApplicationCredentialCreate": _body(
        {
            "name": _LABEL,
            "user": _of("string", "id or name"),
            "project": _of("string", "id or name; left out, the only one that the user is in"),
            "role": _ROLE,
            "expires": _TIME,
        },
        "name", "user",
    ),
    "User": _answer(
        {
            "id": _of("string"),
            "name": _of("string"),
            "disabled": _of("boolean"),
            "created": _TIME,
            "projects": _list(_see("Membership")),
        }
    ),
    "Users": _answer({"users": _list(_see("User"))}),
    "UserCreate": _body({"name": _LABEL, "password": _PASSWORD}, "name", "password"),
    "UserModify": _body({"password": _PASSWORD, "disabled": _of("boolean")}, description="One of them."),
    "UserEdit": _edit("User", "the user"),
    "Membership": _answer({"project_id": _of("string"), "role": _of("string", enum=list(ROLES))}),
    "Memberships": _answer({"projects": _list(_see("Membership"))}),
    "MembershipSet": _body({"role": _ROLE}, "role"),
}  # fmt: skip
