"""The brands that a login may look at one at a time, by becoming the brand's own role for a transaction.

So row security holds whatever is asked, and not only what the asker remembers to filter.
Not here: making these roles and letting the login become them (orchestration/marts/access.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

# What `set role` lets this login be, itself and system roles left out.
ROLES = """
select r.rolname
from pg_roles as r
where r.rolname <> session_user and not r.rolsuper and pg_has_role(session_user, r.oid, 'set')
order by r.rolname
"""
OWN = """
select a.brand_id, coalesce(b.name, a.brand_id)
from marts.access as a left join marts.dim_brand as b on b.brand_id = a.brand_id
where a.role_name = current_user
"""


@dataclass(frozen=True)
class BrandRole:
    """A published brand, and the role that reads it and nothing else."""

    brand_id: str
    name: str
    role: str


def reachable(connection: psycopg.Connection[Any]) -> dict[str, BrandRole]:
    """The brands whose roles this login may become, by id. Roles of other databases of the server tell none."""
    found: dict[str, BrandRole] = {}
    for (role,) in connection.execute(ROLES).fetchall():
        with connection.transaction():
            become(connection, role)
            try:
                with connection.transaction():
                    brands = connection.execute(OWN).fetchall()
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
                brands = []
            connection.execute("reset role")
        found |= {brand_id: BrandRole(brand_id, name, role) for brand_id, name in brands}
    return found


def become(connection: psycopg.Connection[Any], role: str) -> None:
    """Until the transaction ends, see what this role sees."""
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
