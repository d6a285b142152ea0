"""What a person's input can be refused for before anything is sent."""

from django.utils.functional import Promise


class InvalidInput(ValueError):
    """Input that is known to be wrong: nothing was sent and nothing changed.

    `field` is the name of the parameter (`message`, `tag`, …), `message` the translated sentence for the person.
    """

    def __init__(self, field: str, message: Promise | str) -> None:
        super().__init__(field)
        self.field = field
        self.message = message
