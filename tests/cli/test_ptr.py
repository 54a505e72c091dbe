"""`ptrd ptr`: the life of a record, what is printed of it in each format, and what each mistake is told."""

from __future__ import annotations

import io
import json
import sys

import pytest
import yaml

from tests.control.fakelink import address


@pytest.fixture
def named(shop):
    """Name one address of IPv4 and one of a prefix."""
    tags = ["--tag", "env=prod", "--tag", "team=a"]
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com", "--ttl", "600", "--description", "the mail", *tags)
    shop.do("ptr", "create", "2001:db8:1::5", "six.example.com", "www.example.com")
    return shop


class Terminal(io.StringIO):
    """A terminal at which somebody types a line."""

    def isatty(self):
        """Say so."""
        return True


def test_create_is_what_dns_says(shop):
    """`ptr create` names an address as the options say; with --wait it is live when the command ends."""
    made = json.loads(
        shop.do(
            "ptr", "create", "192.0.2.10", "Mail.example.com", "b.example.com.", "--wait", "--ttl", "60", "-o", "json",
            "--tag", "env=prod=1", "--description", "x",
        )
    )  # fmt: skip
    assert made["names"] == ["mail.example.com.", "b.example.com."] and made["status"] == "ACTIVE"
    assert (made["ttl"], made["tags"], made["description"]) == (60, {"env": "prod=1"}, "x")
    assert shop.link.says("192.0.2.10") == ("mail.example.com.", "b.example.com.")
    assert json.loads(shop.do("ptr", "show", "192.0.2.10", "-o", "json")) == made


def test_wait_takes_no_address_for_seconds(shop):
    """`--wait` may stand before the address, with a number or without."""
    shop.do("ptr", "create", "--wait", "192.0.2.10", "mail.example.com")
    shop.do("ptr", "modify", "--wait", "5", "192.0.2.10", "--ttl", "60")
    assert shop.link.says("192.0.2.10") == ("mail.example.com.",)


def test_options_stand_anywhere(shop):
    """An option may stand before, between and behind the words of a command."""
    shop.do("ptr", "create", "--ttl", "60", "192.0.2.10", "--tag", "a=b", "x.example.com", "--wait", "y.example.com")
    assert shop.link.says("192.0.2.10") == ("x.example.com.", "y.example.com.")
    shop.do("ptr", "modify", "192.0.2.10", "--ttl", "5", "new.example.com")
    assert shop.link.says("192.0.2.10") == ("new.example.com.",)
    shop.do("ptr", "modify", "192.0.2.10", "--ttl", "6")
    assert shop.link.says("192.0.2.10") == ("new.example.com.",)
    shop.do("ptr", "create", "192.0.2.11", "x.example.com")
    assert shop.do("ptr", "delete", "192.0.2.10", "--wait", "192.0.2.11", "-o", "csv").count("INACTIVE") == 2
    with_config = ["--config", str(shop.config)]
    assert shop.do("ptr", "export", *with_config, "-", config=False) == "address,names,ttl,description,tags\n"


def test_what_is_not_live_in_time_is_status_4(shop):
    """A change that workers do not acknowledge is printed, committed, and ends with 4 and a sentence."""
    shop.link.live = shop.link.revision
    code, out, err = shop.run("ptr", "create", "192.0.2.10", "mail.example.com", "--wait", "0.1", "-o", "json")
    assert code == 4 and json.loads(out)["status"] == "PENDING_CREATE"
    assert err == (
        "ptrd: 192.0.2.10 is not live after 0.1 s, but PENDING_CREATE: the change is committed and will be\n"
    )
    code, out, err = shop.run("ptr", "delete", "192.0.2.10", "--wait", "0.1", "-o", "json")
    assert code == 4 and json.loads(out)[0]["status"] == "PENDING_DELETE"
    shop.link.live = None
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com", "--wait", "1")
    shop.link.troubles[address("192.0.2.10")] = "the zone is gone"
    code, _, err = shop.run("ptr", "modify", "192.0.2.10", "--ttl", "60", "--wait", "1")
    assert (code, err) == (4, "ptrd: 192.0.2.10 is committed, but not served: the zone is gone\n")


def test_the_list_as_a_table(named):
    """`ptr list` prints columns as wide as they need to be."""
    lines = named.do("ptr", "list").splitlines()
    assert lines[0] == "ADDRESS        NAMES                              TTL  STATUS  REGION  TAGS"
    assert lines[1] == "192.0.2.10     mail.example.com.                  600  ACTIVE  north   env=prod;team=a"
    assert lines[2] == "2001:db8:1::5  six.example.com. www.example.com.  300  ACTIVE  north"


def test_one_record_in_each_format(named):
    """JSON, YAML and CSV of a record say the same; the table leaves out what is empty."""
    shown = {output: named.do("ptr", "show", "192.0.2.10", "-o", output) for output in ("table", "json", "yaml", "csv")}
    project = json.loads(named.do("project", "show", "shop", "-o", "json"))["id"]
    assert shown["csv"] == (
        "address,names,ttl,description,tags,status,reason,served,region,eip_id,project_id,enterprise_project_id,id,"
        "revision,created,updated,confirmation,confirmation_reason,confirmation_remarks,confirmation_checked\n"
        f"192.0.2.10,mail.example.com.,600,the mail,env=prod;team=a,ACTIVE,,mail.example.com.,north,web1,{project},0,"
        f"{'1':0>32},6,2027-01-15T08:00:00.000Z,2027-01-15T08:00:00.000Z,,,,\n"
    )
    assert yaml.safe_load(shown["yaml"]) == json.loads(shown["json"])
    assert shown["yaml"].startswith("address: 192.0.2.10\nnames:\n- mail.example.com.\nttl: 600\n")
    assert shown["table"].startswith(
        "address                192.0.2.10\nnames                  mail.example.com.\nttl                    600\n"
    )
    assert "reason" not in shown["table"]
    rows = named.do("ptr", "list", "-o", "csv").splitlines()
    assert len(rows) == 3 and rows[1] == shown["csv"].splitlines()[1]
    assert [one["address"] for one in json.loads(named.do("ptr", "list", "-o", "json"))] == [
        "192.0.2.10",
        "2001:db8:1::5",
    ]


def test_a_list_of_nothing(shop):
    """A list without items is a table of its titles, an empty JSON list, and a CSV header."""
    assert shop.do("ptr", "list") == "ADDRESS  NAMES  TTL  STATUS  REGION  TAGS\n"
    assert json.loads(shop.do("ptr", "list", "-o", "json")) == []
    assert (
        shop.do("ptr", "list", "-o", "csv").startswith("address,names,ttl,")
        and shop.do("ptr", "list", "-o", "yaml") == "[]\n"
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--within", "192.0.2.0/24"], ["192.0.2.10"]),
        (["--tag", "env=prod", "--tag", "team"], ["192.0.2.10"]),
        (["--tag", "env=test"], []),
        (["--region", "south"], []),
        (["--project", "shop", "--status", "active"], ["192.0.2.10", "2001:db8:1::5"]),
    ],
)
def test_a_list_is_filtered(named, filters, found):
    """Each filter of `ptr list` reaches the server, and all of them hold."""
    assert [one["address"] for one in json.loads(named.do("ptr", "list", *filters, "-o", "json"))] == found


def test_modify_keeps_what_is_not_named(named):
    """`ptr modify` changes what is named; a tag is added, replaced or taken away, and the others stay."""
    changed = json.loads(
        named.do("ptr", "modify", "192.0.2.10", "--tag", "env=test", "--tag", "new=", "--no-tag", "team", "-o", "json")
    )
    assert changed["tags"] == {"env": "test", "new": ""}
    assert (changed["names"], changed["ttl"], changed["description"]) == (["mail.example.com."], 600, "the mail")
    changed = json.loads(named.do("ptr", "modify", "192.0.2.10", "a.example.com", "--description", "", "-o", "json"))
    assert (changed["names"], changed["ttl"], changed["description"]) == (["a.example.com."], 600, "")
    assert changed["tags"] == {"env": "test", "new": ""}


def test_if_match_keeps_two_people_apart(named):
    """A revision that is no longer the record's stops a change and a deletion; the right one lets them pass."""
    revision = str(json.loads(named.do("ptr", "show", "192.0.2.10", "-o", "json"))["revision"])
    for verb in (["modify", "192.0.2.10", "--ttl", "5"], ["delete", "192.0.2.10"]):
        assert "has changed since it was read" in named.refused("ptr", *verb, "--if-match", "1")
    named.do("ptr", "modify", "192.0.2.10", "--ttl", "5", "--if-match", revision)
    revision = str(json.loads(named.do("ptr", "show", "192.0.2.10", "-o", "json"))["revision"])
    named.do("ptr", "delete", "192.0.2.10", "--if-match", f'"{revision}"')


def test_delete_is_all_or_nothing(named):
    """One address that cannot be deleted keeps all of them; each that is wrong is told by its address."""
    assert named.refused("ptr", "delete", "192.0.2.10", "192.0.2.11", "192.0.2.99") == (
        "ptrd: 192.0.2.11: there is no such PTR record in this project\n"
        "ptrd: 192.0.2.99: there is no such EIP in this project\n"
        "ptrd: nothing was deleted: all of it is done, or none\n"
    )
    assert named.link.says("192.0.2.10") == ("mail.example.com.",)
    revision = named.link.revision
    assert named.do("ptr", "delete", "192.0.2.10", "2001:db8:1::5", "--wait") == (
        "ADDRESS        NAMES                              STATUS\n"
        "192.0.2.10     mail.example.com.                  INACTIVE\n"
        "2001:db8:1::5  six.example.com. www.example.com.  INACTIVE\n"
    )
    assert named.link.revision == revision + 1 and named.link.says("192.0.2.10") == ()


def test_much_is_deleted_only_after_a_yes(shop, monkeypatch):
    """More than 30 % of a project's records go only with --yes, or when somebody at a terminal says so."""
    addresses = [f"2001:db8:1::{number:x}" for number in range(1, 13)]
    for one in addresses:
        shop.do("ptr", "create", one, "many.example.com")
    few, many = addresses[:3], addresses[3:9]
    assert "nothing was changed: say --yes to go on" in shop.refused("ptr", "delete", *many)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    code, out, err = shop.run("ptr", "delete", *many)
    assert (code, out) == (1, "") and "Go on? [y/N]" in err and err.endswith("ptrd: nothing was deleted\n")
    shop.do("ptr", "delete", *few)
    shop.do("ptr", "delete", *many, "--dry-run", "--yes")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, out, _ = shop.run("ptr", "delete", *many)
    assert code == 0 and out.count("INACTIVE") == len(many)
    assert shop.do("ptr", "list").count("many.example.com.") == 3


def test_a_dry_run_shows_and_changes_nothing(named):
    """--dry-run prints what would change, in any format, and changes nothing."""
    before = named.link.revision
    assert named.do("ptr", "create", "192.0.2.11", "www.example.com", "--dry-run") == (
        "would create 192.0.2.11\n+ names: www.example.com.\n+ ttl: 300\n"
    )
    assert named.do("ptr", "modify", "192.0.2.10", "--ttl", "60", "--dry-run", "--wait") == (
        "would modify 192.0.2.10\n- ttl: 600\n+ ttl: 60\n"
    )
    assert named.do("ptr", "modify", "192.0.2.10", "--ttl", "600", "--dry-run") == (
        "would change nothing of 192.0.2.10\n"
    )
    assert named.do("ptr", "delete", "192.0.2.10", "--dry-run") == (
        "would delete 192.0.2.10\n- names: mail.example.com.\n- ttl: 600\n- description: the mail\n"
        "- tags: env=prod;team=a\n"
    )
    tried = json.loads(named.do("ptr", "modify", "192.0.2.10", "--ttl", "60", "--dry-run", "-o", "json"))
    assert (tried["dry_run"], tried["before"]["ttl"], tried["after"]["ttl"]) == (True, 600, 60)
    csv = named.do("ptr", "modify", "192.0.2.10", "--ttl", "60", "--dry-run", "-o", "csv")
    assert csv == "field,before,after\nttl,600,60\n"
    assert named.do("ptr", "freeze", "192.0.2.11", "--reason", "x", "--dry-run") == (
        "would freeze 192.0.2.11, which has no record\n"
    )
    assert named.link.revision == before


def test_colours_are_for_a_terminal(named, monkeypatch):
    """A difference is green and red on a terminal, and nowhere else; NO_COLOR is heeded."""
    command = ("ptr", "modify", "192.0.2.10", "--ttl", "60", "--dry-run")

    def printed():
        screen = Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        assert named.run(*command)[0] == 0
        return screen.getvalue()

    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[31m- ttl: 600\x1b[0m\n\x1b[32m+ ttl: 60\x1b[0m\n" in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed()


def test_freeze_and_unfreeze(named):
    """A frozen address says what the zone files say, and why; unfrozen it says its record again."""
    frozen = json.loads(named.do("ptr", "freeze", "192.0.2.10", "--reason", "spam", "-o", "json"))
    assert (frozen["status"], frozen["reason"], frozen["served"]) == ("FREEZE", "spam", [])
    assert json.loads(named.do("ptr", "unfreeze", "192.0.2.10", "-o", "json"))["served"] == ["mail.example.com."]


def test_text_of_tenants_commands_no_terminal(shop):
    """What is no printable character is spelled out in a table; programs get it as it is."""
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com", "--description", "a\nb\tc")
    assert "description            a\\nb\\tc\n" in shop.do("ptr", "show", "192.0.2.10")
    assert json.loads(shop.do("ptr", "show", "192.0.2.10", "-o", "json"))["description"] == "a\nb\tc"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "192.0.2.10", "x.example.com"], "has a PTR record already; `ptrd ptr modify 192.0.2.10`"),
        (["create", "192.0.2.99", "x.example.com"], "there is no such EIP"),
        (["create", "192.0.2.11", "mail"], "'mail' is one label; write a whole name such as mail.example.com"),
        (["create", "192.0.2.11", "x.example.com", "--ttl", "0"], "TTL is a whole number of seconds from 1 to"),
        (["modify", "192.0.2.11", "x.example.com"], "there is no such PTR record in this project; `ptrd ptr create"),
        (["modify", "192.0.2.11", "--tag", "a=b"], "192.0.2.11 has no record"),
        (["modify", "192.0.2.10", "--description", "x" * 256], "at most 255 characters"),
        (["delete", "192.0.2.0/24"], "'192.0.2.0/24'"),
        (["show", "192.0.2.11"], "192.0.2.11 has no record"),
        (["show", "192.0.2.999"], "'192.0.2.999' is no address"),
        (["show", "192.0.2.99"], "there is no such EIP"),
        (["list", "--within", "192.0.2.0/33"], "192.0.2.0/33"),
        (["list", "--project", "nobody"], "nobody"),
        (["list", "--status", "asleep"], "status is one of ACTIVE"),
        (["freeze", "192.0.2.10", "--reason", ""], "say why the address is frozen"),
        (["freeze", "192.0.2.99", "--reason", "x"], "there is no such EIP"),
        (["freeze", "mail.example.com", "--reason", "x"], "'mail.example.com' is no address"),
        (["unfreeze", "192.0.2.99"], "there is no such EIP"),
    ],
)  # fmt: skip
def test_what_the_server_refuses_is_a_sentence(named, arguments, sentence):
    """A refusal is a sentence on standard error, the exit status 1, and changes nothing."""
    err = named.refused("ptr", *arguments)
    assert err.startswith("ptrd: ") and sentence in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "192.0.2.11"], "required: HOSTNAME"),
        (["create", "192.0.2.11", "x.example.com", "--tag", "env"], "the tag 'env' is written KEY=VALUE"),
        (["create", "192.0.2.11", "x.example.com", "--wait", "61"], "'61' is no number of seconds from 0 to 60"),
        (["modify", "192.0.2.10"], "nothing is to be modified"),
        (["modify", "192.0.2.10", "--ttl", "1h"], "invalid int value: '1h'"),
        (["modify", "192.0.2.10", "--ttl", "5", "--if-match", "new"], "--if-match is a revision, such as 42"),
        (["delete"], "required: ADDRESS"),
        (["delete", "192.0.2.10", "192.0.2.11", "--if-match", "6"], "--if-match takes one revision, for one address"),
        (["freeze", "192.0.2.10"], "required: --reason"),
        (["unfreeze"], "required: ADDRESS"),
        (["bogus"], "invalid choice: 'bogus'"),
        ([], "required: VERB"),
        (["list", "--token", "x"], "unrecognized arguments: --token x"),
    ],
)
def test_a_command_line_that_cannot_be_meant(named, arguments, sentence):
    """A wrong command line ends with 2, says what is wrong, and nothing is sent that changes anything."""
    assert sentence in named.refused("ptr", *arguments, status=2)
