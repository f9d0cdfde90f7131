"""Access tokens (JWT, RFC 7519), good ones and others, and the users whom they name."""

import base64
import hashlib
import hmac
import json
import time

SECRET_KEY = "a secret of more than thirty-two characters"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value):
    return base64url(json.dumps(value).encode())


def token(sub="1", key=SECRET_KEY, algorithm="HS256", hash=hashlib.sha256, lasts=3600, **claims):
    claims = {"sub": sub, "exp": int(time.time()) + lasts, **claims}
    signed = part({"alg": algorithm, "typ": "JWT"}) + "." + part(
        {name: value for name, value in claims.items() if value is not None})
    return signed + "." + base64url(hmac.new(key.encode(), signed.encode(), hash).digest())


def unsigned(sub="1"):
    return part({"alg": "none"}) + "." + part({"sub": sub, "exp": int(time.time()) + 3600}) + "."


def cookie(value):
    return {"Cookie": f"access_token={value}"}


# That count for nothing, wherever they are looked at: {name: headers}
BAD = {
    "none": {},
    "empty": cookie(""),
    "no token": cookie("hello"),
    "two parts": cookie(token().rpartition(".")[0]),
    "expired": cookie(token(lasts=-1)),
    "expires now": cookie(token(lasts=0)),
    "never expires": cookie(token(exp=None)),
    "expires as a text": cookie(token(exp="9999999999")),
    "wrong key": cookie(token(key="another secret of more than thirty-two")),
    "not signed": cookie(unsigned()),
    "signed, but said not to be": cookie(token(algorithm="none")),
    "RS256 with our key as its public one": cookie(token(algorithm="RS256")),
    "HS512": cookie(token(algorithm="HS512", hash=hashlib.sha512)),
    "sub is a number": cookie(token(sub=1)),
    "sub is no number": cookie(token(sub="one")),
    "sub is negative": cookie(token(sub="-1")),
    "sub with a fraction": cookie(token(sub="1.0")),
    "sub beyond all ids": cookie(token(sub="99999999999999999999")),
    "no sub": cookie(token(sub=None)),
    "changed afterwards": cookie(token()[:-4] + "AAAA"),
    "another cookie": {"Cookie": f"access_tokens={token()}"},
    "a bearer": {"Authorization": f"Bearer {token()}"},
}


def add_user(database, active=True, **columns):
    """The id of a new user."""
    names = ["is_active", *columns]
    places = ", ".join(["%s"] * len(names))
    return database.value(f"INSERT INTO users ({', '.join(names)}) VALUES ({places}) RETURNING id",
                          active, *columns.values())


def of(user_id):
    return cookie(token(sub=str(user_id)))
