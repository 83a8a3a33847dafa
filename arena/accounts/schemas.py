"""What the accounts' part of the API takes and gives."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from arena.accounts.models import Role

Scope = Literal["read", "submit", "admin"]
Password = Annotated[str, Field(max_length=1000, repr=False)]


class RegisterIn(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(max_length=100, description="3 to 32 letters a–z, digits, `_` or `-`.")
    password: Password = Field(description="At least 10 characters, and not the name.")
    email: str | None = Field(None, max_length=254, description="Optional; shown to nobody.")


class LoginIn(BaseModel):
    """Name and password, for a token in return."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(max_length=100)
    password: Password
    token_name: str = Field("command line", min_length=1, max_length=60, description="What to call the token.")
    scopes: list[Scope] = Field(["read", "submit"], min_length=1, description="What the token may do.")


class LoginOut(BaseModel):
    """The token, shown this once."""

    token: str
    expires_at: dt.datetime | None
    username: str


class UserOut(BaseModel):
    """An account, as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str
    email: str | None
    role: Role
    language: str | None = Field(description="`en`, `zh_Hans`, or null: as the browser asks.")
    must_change_password: bool
    created_at: dt.datetime


class TokenIn(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=60)
    scopes: list[Scope] = Field(["read", "submit"], min_length=1)
    expires_at: AwareDatetime | None = Field(None, description="End of the token; null: until it is revoked.")


class TokenOut(BaseModel):
    """A token, without the token itself."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    prefix: str = Field(description="The first characters, to tell tokens apart.")
    scopes: list[Scope]
    created_at: dt.datetime
    expires_at: dt.datetime | None
    used_at: dt.datetime | None = Field(description="When it was last used, to within five minutes.")


class TokenMade(TokenOut):
    """A new token; the only answer that shows it."""

    token: str


class TokenList(BaseModel):
    """The tokens that hold."""

    items: list[TokenOut]
