"""What the name of every setting begins with, as an environment variable."""

from typing import Final

PREFIX: Final = "FLUX_"
