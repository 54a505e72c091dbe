"""What the server gives up once its sockets are open, before it touches anything else."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from ptrd.serve.account import leave_root
from ptrd.serve.confine import forbid_core_dumps, forbid_new_privileges, give_up_capabilities

if TYPE_CHECKING:
    from ptrd.config import Config
    from ptrd.serve.account import Account

log = logging.getLogger("ptrd")


def step_down(config: Config, account: Account | None) -> None:
    """Give up root, for an account where there is one, and every capability. Raises ServeError."""
    if account is not None:
        leave_root(account, config.state, config.local.path, config.local.admin_group)
    if os.geteuid():
        give_up_capabilities()
    else:
        log.warning("ptrd runs as root; set `user` in ptrd.yaml to the user that it is to become")
    forbid_new_privileges()
    forbid_core_dumps()
