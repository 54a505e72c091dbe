"""Which dialects the API has, and where: the one place that builds them all over the same use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrd.control.api import Api
from ptrd.control.authenticate import Authenticator
from ptrd.control.cases import Cases
from ptrd.control.credentials import Credentials
from ptrd.control.huawei.dialect import HuaweiApi
from ptrd.control.inventory import Inventory
from ptrd.control.native.dialect import NativeApi
from ptrd.control.openstack.dialect import OpenStackApi
from ptrd.control.openstack.keystone import Keystone
from ptrd.control.pointers import Pointers
from ptrd.control.repeats import Repeats
from ptrd.store.vault import open_vault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ptrd.control.confirmation import Confirmer
    from ptrd.control.link import Link
    from ptrd.control.settings import ApiSettings
    from ptrd.store.database import Database
    from ptrd.store.vault import Vault


def mount_api(
    link: Link,
    database: Database,
    master_key: Path,
    environment: Mapping[str, str],
    settings: ApiSettings,
    confirmer: Confirmer | None = None,
) -> Api:
    """Make the API, with the secrets that the master key opens; it is made when nothing was sealed yet.

    `confirmer` looks at names where a policy asks for it. Raises VaultError.
    """
    sealed = database.read(lambda transaction: transaction.holds_secrets())
    vault = open_vault(master_key, environment.get("CREDENTIALS_DIRECTORY"), make=not sealed)
    return make_api(make_cases(link, vault, settings.regions, confirmer), vault, settings)


def make_cases(link: Link, vault: Vault, regions: tuple[str, ...] = (), confirmer: Confirmer | None = None) -> Cases:
    """Make the use cases over a link; `regions` are those that there are, none for any."""
    return Cases(Pointers(link, confirmer=confirmer), Inventory(link, regions), Credentials(link, vault), link)


def make_api(cases: Cases, vault: Vault, settings: ApiSettings) -> Api:
    """Make the API over use cases: Keystone before OpenStack, whose paths it stands among."""
    authenticator = Authenticator(cases.credentials.logins)
    repeats = Repeats(cases.link, vault)
    huawei = HuaweiApi(cases, settings)
    dialects = (
        NativeApi(cases, settings, repeats),
        Keystone(cases, authenticator, settings),
        OpenStackApi(cases, settings),
        huawei,
    )
    return Api(dialects, authenticator, repeats, versions=huawei.versions)
