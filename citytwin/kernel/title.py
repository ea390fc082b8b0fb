"""What is it called? Every title a user can see, in Chinese and English."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Title:
    """A name in Chinese and in English; both are required."""

    zh: str
    en: str
