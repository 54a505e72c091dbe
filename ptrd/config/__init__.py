"""ptrd.yaml, read into the options types that each layer defines for itself.

It may import what serves and what manages, for their options. Begin with `load_config`; every key stands in `keys`.
"""

from ptrd.config.keys import KEYS
from ptrd.config.make import Config, load_config, read_config
from ptrd.config.reader import ConfigError

__all__ = ["KEYS", "Config", "ConfigError", "load_config", "read_config"]
