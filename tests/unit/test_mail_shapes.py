"""Mails as tools write them are read as people mean them (`support/mail_shapes.py`)."""

import pytest

from scudo_agent.desk.mail.incoming import read
from scudo_agent.desk.mail.kinds import kind_of
from support.mail_shapes import OWN, SHAPES, Shape


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_shape_is_read_as_it_is_meant(shape: Shape) -> None:
    mail = read(shape.data)
    assert kind_of(mail, own=frozenset({OWN})).kind == shape.kind
    assert mail.sender == (shape.sender or "")
    if shape.said is not None:
        assert mail.body.said == shape.said
    if shape.quoted is not None:
        assert mail.body.quoted == shape.quoted
    if shape.signature is not None:
        assert mail.body.signature == shape.signature
    if shape.subject is not None:
        assert mail.subject == shape.subject
    if shape.kind == "mail":
        assert tuple(file.name for file in mail.files) == shape.files
    assert mail.certified == shape.certified
    if shape.answers:
        assert mail.answers == shape.answers


def test_there_are_sixty_shapes_and_each_says_whom_it_follows() -> None:
    assert len(SHAPES) >= 60
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)
    assert all(shape.follows for shape in SHAPES)
