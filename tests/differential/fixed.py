"""All worlds made by hand: each is small and full of one kind of trouble."""

from __future__ import annotations

from tests.differential.namesakes import ALIASES, CUTS, ODD, WILDCARDS
from tests.differential.spans import FORWARD, IP6, IP6_SPELLINGS, PLAIN, SIZES

FIXED = (PLAIN, CUTS, ALIASES, WILDCARDS, ODD, SIZES, IP6, IP6_SPELLINGS, FORWARD)
