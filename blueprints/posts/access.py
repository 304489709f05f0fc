"""Which posts and shifts exist for the viewer: those of organizations where they hold one of the roles."""

from flask import abort

from blueprints.identity.access import actor
from blueprints.posts import queries
from blueprints.posts.models import Post, Shift
from core.actor import Role


def post_or_404(post_id: int, *roles: Role) -> Post:
    """The post with its organization, division and shifts, if the viewer holds one of the roles there."""
    return queries.post_within(post_id, actor().reach(*roles)) or abort(404)


def shift_or_404(shift_id: int, *roles: Role) -> Shift:
    """The shift with its post and all that belongs to it, if the viewer holds one of the roles there."""
    return queries.shift_within(shift_id, actor().reach(*roles)) or abort(404)
