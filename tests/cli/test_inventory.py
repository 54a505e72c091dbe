"""`ptrd eip`, `account` and `project`: what each does, prints, and is told of its mistakes."""

from __future__ import annotations

import json

import pytest


def test_the_forms_that_scripts_use(world):
    """The forms of the contract work as they are written, with --config before the command."""
    config = str(world.config)
    world.do("--config", config, "account", "create", "acme", config=False)
    world.do("--config", config, "project", "create", "shop", "--account", "acme", config=False)
    world.do(
        "--config", config, "eip", "add", "192.0.2.10", "--id", "web1", "--region", "north", "--project", "shop",
        config=False,
    )  # fmt: skip
    key = json.loads(world.do("--config", config, "key", "create", "--project", "shop", "-o", "json", config=False))
    token = json.loads(world.do("--config", config, "token", "create", "--project", "shop", "-o", "json", config=False))
    project = json.loads(world.do("project", "show", "shop", "-o", "json"))["id"]
    assert key["access_key"] and key["secret_key"] and key["project_id"] == token["project_id"] == project
    assert token["token"].startswith("ptrd_")
    world.do(
        "--config", config, "ptr", "create", "192.0.2.10", "mail.example.com", "--ttl", "60", "--description", "x",
        "--tag", "a=b", "--wait", config=False,
    )  # fmt: skip
    world.do("--config", config, "ptr", "delete", "192.0.2.10", config=False)


def test_accounts(shop):
    """An account is listed with its quota and what it uses, limited, disabled, enabled, and deleted when empty."""
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com")
    (account,) = json.loads(shop.do("account", "list", "-o", "json"))
    assert (account["name"], account["quota"], account["used"]) == ("acme", 50, 1)
    assert shop.do("account", "list") == (
        f"NAME  ID                                QUOTA  USED  DISABLED\nacme  {account['id']}  50     1     no\n"
    )
    assert shop.do("account", "list", "-o", "csv").splitlines()[1] == (
        f"acme,{account['id']},50,1,no,2027-01-15T08:00:00.000Z"
    )
    assert shop.do("account", "quota", "acme", "7", "--dry-run") == "would modify acme\n- quota: 50\n+ quota: 7\n"
    assert json.loads(shop.do("account", "quota", "acme", "7", "-o", "json"))["quota"] == 7
    assert "quota     7\n" in shop.do("account", "quota", "acme")
    assert json.loads(shop.do("account", "disable", "acme", "-o", "json"))["disabled"] is True
    assert json.loads(shop.do("account", "enable", "acme", "-o", "json"))["disabled"] is False
    assert shop.do("account", "create", "b", "--quota", "3", "--dry-run") == (
        "would create b\n+ quota: 3\n+ disabled: no\n"
    )
    shop.do("account", "create", "b", "--quota", "3")
    assert shop.do("account", "delete", "b") == "account b is deleted\n"
    assert shop.do("account", "delete", "acme", "--force", "--yes", "-o", "json") == '{\n  "deleted": "acme"\n}\n'
    assert shop.link.says("192.0.2.10") == ()
    assert json.loads(shop.do("eip", "list", "-o", "json")) == []


def test_projects(shop):
    """A project is listed, shown, disabled, enabled, and deleted with what is in it by force and a yes."""
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com")
    shop.do("account", "create", "b")
    shop.do("project", "create", "empty", "--account", "b")
    assert [one["name"] for one in json.loads(shop.do("project", "list", "-o", "json"))] == ["empty", "shop"]
    assert [one["name"] for one in json.loads(shop.do("project", "list", "--account", "b", "-o", "json"))] == ["empty"]
    assert json.loads(shop.do("project", "disable", "empty", "-o", "json"))["disabled"] is True
    assert json.loads(shop.do("project", "enable", "empty", "-o", "json"))["disabled"] is False
    assert json.loads(shop.do("project", "policy", "empty", "warn", "-o", "json"))["policy"] == "warn"
    assert shop.do("project", "policy", "empty", "require", "--dry-run").splitlines()[1:] == [
        "- policy: warn",
        "+ policy: require",
    ]
    assert json.loads(shop.do("project", "policy", "empty", "-o", "json"))["policy"] == "warn"
    assert json.loads(shop.do("project", "policy", "empty", "default", "-o", "json"))["policy"] is None
    assert "invalid choice: 'strict'" in shop.refused("project", "policy", "empty", "strict", status=2)
    assert shop.do("project", "delete", "empty") == "project empty is deleted\n"
    assert shop.do("project", "delete", "shop", "--force", "--dry-run").startswith("would delete shop\n")
    assert shop.do("project", "delete", "shop", "--force", "--yes") == "project shop is deleted\n"
    assert shop.link.says("192.0.2.10") == ()


def test_eips(shop):
    """An EIP is added, listed, and released by its address, prefix or id, and its records go with it."""
    project = json.loads(shop.do("project", "show", "shop", "-o", "json"))["id"]
    assert shop.do("eip", "list") == (
        "PREFIX           ID    REGION  PROJECT ID\n"
        f"2001:db8:1::/64  net   north   {project}\n"
        f"192.0.2.10/32    web1  north   {project}\n"
        f"192.0.2.11/32    web2  north   {project}\n"
    )
    add = ("eip", "add", "192.0.2.12", "--id", "web3", "--region", "south", "--project", "shop")
    assert shop.do(*add, "--dry-run") == (
        f"would create 192.0.2.12/32\n+ region: south\n+ address: 192.0.2.12\n+ project id: {project}\n"
    )
    assert json.loads(shop.do(*add, "-o", "json"))["id"] == "web3"
    assert [one["id"] for one in json.loads(shop.do("eip", "list", "--region", "south", "-o", "json"))] == ["web3"]
    shop.do("ptr", "create", "192.0.2.10", "mail.example.com")
    shop.do("ptr", "create", "2001:db8:1::5", "five.example.com")
    shop.do("ptr", "create", "2001:db8:1::6", "six.example.com")
    assert shop.do("eip", "release", "192.0.2.10") == "192.0.2.10/32 is released\nthe record of 192.0.2.10 is deleted\n"
    assert shop.do("eip", "release", "web2", "--region", "north") == "192.0.2.11/32 is released\n"
    assert "deletes 2 PTR records; nothing was changed: say --yes" in shop.refused("eip", "release", "2001:db8:1::/64")
    assert shop.do("eip", "release", "2001:db8:1::/64", "--dry-run").endswith(
        "would delete the record of 2001:db8:1::5\nwould delete the record of 2001:db8:1::6\n"
    )
    done = json.loads(shop.do("eip", "release", "2001:db8:1::/64", "--yes", "-o", "json"))
    assert done["released"] == ["2001:db8:1::5", "2001:db8:1::6"] and not shop.link.says("2001:db8:1::5")


def test_an_eip_that_nobody_would_answer_for(shop):
    """`eip add` warns when no zone holds the address, and adds it all the same."""
    shop.link.placement = lambda address: "no zone is here" if str(address) == "198.51.100.1" else None
    code, out, err = shop.run(
        "eip", "add", "198.51.100.1", "--id", "x", "--region", "north", "--project", "shop", "-o", "json"
    )
    assert code == 0 and json.loads(out)["address"] == "198.51.100.1"
    assert err.startswith("ptrd: warning: a name for 198.51.100.1 would not be served: no zone is here")


def test_eips_are_imported(shop):
    """A list of EIPs goes in whole, says what it would do, and a second time adds nothing."""
    path = shop.folder / "eips.csv"
    path.write_text(
        "address_or_prefix,id,region,project\n# web\n192.0.2.20,w1,north,shop\n\n192.0.2.10,web1,north,shop\n"
        "2001:db8:2::/64,n2,south,shop\n"
    )
    revision = shop.link.revision
    tried = shop.do("eip", "import", str(path), "--dry-run")
    assert tried.startswith("would create 192.0.2.20/32\n") and tried.endswith("2 would be added, 1 unchanged\n")
    assert shop.link.revision == revision
    assert shop.do("eip", "import", str(path)) == "2 added, 1 unchanged\n"
    done = json.loads(shop.do("eip", "import", str(path), "-o", "json"))
    assert (done["added"], done["unchanged"]) == ([], 3)
    many = [f"198.18.{number >> 8}.{number & 255},host-{number}-{'x' * 40},north,shop" for number in range(9000)]
    path.write_text("\n".join(many))
    assert shop.do("eip", "import", str(path)) == "9000 added, 0 unchanged\n"
    assert len(json.loads(shop.do("eip", "list", "-o", "json"))) == 9005


def test_a_mistake_in_a_list_of_eips(shop):
    """Each line that is refused is told by its number in the file, and nothing is added."""
    path = shop.folder / "eips.csv"
    path.write_text("# list\n192.0.2.20,w1,north,shop\n192.0.2.21,w2,north\n\n192.0.2.22,w3,north,nobody\n")
    err = shop.refused("eip", "import", str(path))
    assert f"{path}:3: a line has 4 fields: address_or_prefix,id,region,project\n" in err and f"{path}:5: " in err
    assert err.endswith("ptrd: nothing was added: the server refuses what the file says\n")
    path.write_text("\n# nothing\n")
    assert "names no EIP; write lines of address_or_prefix,id,region,project" in shop.refused(
        "eip", "import", str(path)
    )
    path.write_bytes(b"\xff")
    assert "is no text in UTF-8" in shop.refused("eip", "import", str(path))
    assert "cannot read /nonexistent: No such file" in shop.refused("eip", "import", "/nonexistent")


ADD = ["eip", "add", "192.0.2.77"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*ADD, "--id", "web1", "--region", "north", "--project", "shop"], "web1"),
        ([*ADD, "--id", "x y", "--region", "north", "--project", "shop"], "'x y' is no id of an EIP"),
        ([*ADD, "--id", "w", "--region", "north", "--project", "nobody"], "nobody"),
        (["eip", "add", "192.0.2.10", "--id", "w", "--region", "north", "--project", "shop"], "192.0.2.10"),
        (["eip", "release", "192.0.2.77"], "no project has 192.0.2.77; `ptrd eip list` lists what there is"),
        (["eip", "release", "web1"], "; or name the EIP by its id, with --region"),
        (["eip", "release", "web1", "--region", "south"], "there is no such EIP"),
        (["eip", "list", "--project", "nobody"], "nobody"),
        (["account", "create", "acme"], "acme"),
        (["account", "create", "a/b"], "the name of an account has 1 to 64 letters"),
        (["account", "create", "b", "--quota", "-1"], "quota"),
        (["account", "quota", "nobody"], "nobody"),
        (["account", "quota", "nobody", "5"], "nobody"),
        (["account", "quota", "acme", "-5"], "quota"),
        (["account", "disable", "nobody"], "nobody"),
        (["account", "enable", "nobody"], "nobody"),
        (["account", "delete", "nobody"], "nobody"),
        (["account", "delete", "acme"], "force"),
        (["account", "delete", "acme", "--force"], "; nothing was changed: say --yes to go on"),
        (["project", "create", "shop", "--account", "acme"], "shop"),
        (["project", "create", "new", "--account", "nobody"], "nobody"),
        (["project", "create", "", "--account", "acme"], "the name of a project has 1 to 64 letters"),
        (["project", "list", "--account", "nobody"], "nobody"),
        (["project", "show", "nobody"], "nobody"),
        (["project", "disable", "nobody"], "nobody"),
        (["project", "enable", "nobody"], "nobody"),
        (["project", "delete", "shop"], "force"),
        (["project", "delete", "nobody", "--force", "--yes"], "nobody"),
        (["project", "delete", "shop", "--force"], "deletes its EIPs, credentials and PTR records too; nothing was"),
    ],
)
def test_what_the_server_refuses_is_a_sentence(shop, arguments, sentence):
    """A refusal is one sentence on standard error, the exit status 1, and changes nothing."""
    err = shop.refused(*arguments)
    assert err.startswith("ptrd: ") and err.count("\n") == 1 and sentence in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["eip", "add", "192.0.2.1", "--id", "x", "--region", "north"], "required: --project"),
        (["eip", "add", "--region", "x", "--project", "y"], "required: ADDRESS"),
        (["eip", "release"], "required: ADDRESS|ID"),
        (["eip", "import"], "required: FILE"),
        (["account", "create"], "required: NAME"),
        (["account", "quota", "acme", "many"], "invalid int value: 'many'"),
        (["account", "bogus"], "invalid choice: 'bogus'"),
        (["project", "create", "x"], "required: --account"),
        (["project", "list", "-o", "xml"], "invalid choice: 'xml'"),
        (["project", "delete"], "required: NAME"),
    ],
)
def test_a_command_line_that_cannot_be_meant(shop, arguments, sentence):
    """A wrong command line ends with 2 and says what is wrong."""
    assert sentence in shop.refused(*arguments, status=2)
