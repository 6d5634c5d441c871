"""What we compute of a signature against what botocore's signers, which are the clients, compute."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import quote, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path
from hypothesis import given
from hypothesis import strategies as st

from clary.domain import signing
from clary.domain.signing import (
    Malformed,
    canonical_path,
    canonical_query,
    decoded_query,
    header_claim,
    query_claim,
)
from clary.domain.signing_v2 import legacy_claim, legacy_signature, legacy_string

KEY, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token+/="

segments = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12
)
raw_segments = (
    st.sampled_from(["", ".", "..", "a", "b.c", "~", "a b", "ü", "%", "+", "&=", "*'()", "日本"]) | segments
)
paths = st.lists(raw_segments, max_size=6).map(
    lambda parts: "/" + "/".join(quote(part, safe="~") for part in parts)
)
encoded = st.text(max_size=10).map(lambda text: quote(text, safe="-_.~"))
queries = st.lists(st.tuples(encoded.filter(bool), encoded), max_size=6).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "X-Amz-Target", "x-amz-meta-a", "x-amz-meta-b", "Range", "User-Agent"]),
    values,
)
methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])


def arrived(request: AWSRequest) -> tuple[str, str, str, Mapping[str, str]]:
    """Method, path, query and headers as the server has them."""
    parts = urlsplit(request.url)
    sent = {"host": parts.netloc}
    for name in dict.fromkeys(name.lower() for name in request.headers):
        sent[name] = ",".join(value.strip(" \t") for value in request.headers.get_all(name))
    return request.method, parts.path, parts.query, sent


@given(
    methods,
    paths,
    queries,
    headers,
    st.binary(max_size=64),
    st.booleans(),
    st.sampled_from(["sts", "sagemaker", "s3"]),
)
def test_a_signature_in_the_header(
    method: str, path: str, query: str, extra: dict[str, str], body: bytes, session: bool, service: str
) -> None:
    url = f"http://localhost:4747{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, dict(extra), body)
    credentials = Credentials(KEY, SECRET, TOKEN if session else None)
    (auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth)(credentials, service, "eu-central-1").add_auth(
        request
    )
    name, raw_path, raw_query, sent = arrived(request)
    claim = header_claim(sent)
    assert claim is not None
    assert (claim.access_key, claim.region, claim.service) == (KEY, "eu-central-1", service)
    assert claim.token == (TOKEN if session else None)
    payload = sent.get("x-amz-content-sha256") or sha256(body).hexdigest()
    text = signing.string_to_sign(
        claim, signing.canonical_request(claim, name, raw_path, raw_query, sent, payload)
    )
    assert signing.signature(claim.key(SECRET), text) == claim.signature


@given(methods, paths, headers, st.integers(1, 604_800), st.booleans(), st.sampled_from(["sts", "s3"]))
def test_a_signature_in_the_query(
    method: str, path: str, extra: dict[str, str], expires: int, session: bool, service: str
) -> None:
    request = AWSRequest(method, f"http://localhost:4747{path}", dict(extra))
    credentials = Credentials(KEY, SECRET, TOKEN if session else None)
    signer = auth.S3SigV4QueryAuth if service == "s3" else auth.SigV4QueryAuth
    signer(credentials, service, "us-east-1", expires).add_auth(request)
    name, raw_path, raw_query, sent = arrived(request)
    claim = query_claim(decoded_query(raw_query))
    assert claim is not None
    assert claim.expires == expires
    assert claim.token == (TOKEN if session else None)
    payload = signing.UNSIGNED_PAYLOAD if service == "s3" else signing.EMPTY_SHA256
    text = signing.string_to_sign(
        claim, signing.canonical_request(claim, name, raw_path, raw_query, sent, payload)
    )
    assert signing.signature(claim.key(SECRET), text) == claim.signature


@given(
    methods,
    paths,
    st.sampled_from(
        ["", "uploadId=a%2Bb&partNumber=3", "versionId=x&tagging", "prefix=a&response-content-type=a%2Fb"]
    ),
    st.dictionaries(st.sampled_from(["Content-Type", "Content-MD5", "x-amz-meta-a"]), values.map(str.strip)),
    st.booleans(),
)
def test_a_signature_of_version_2_in_the_query(
    method: str, path: str, query: str, extra: dict[str, str], session: bool
) -> None:
    url = f"http://localhost:4747{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, HTTPHeaders.from_dict(extra))
    auth.HmacV1QueryAuth(Credentials(KEY, SECRET, TOKEN if session else None), 600).add_auth(request)
    name, raw_path, raw_query, _ = arrived(request)
    claim = legacy_claim(decoded_query(raw_query))
    assert claim is not None
    assert claim.token == (TOKEN if session else None)
    # A client that was given the URL sends no headers but those that it was told to.
    sent = {name.lower(): value for name, value in extra.items() if name.lower().startswith("content-")}
    text = legacy_string(claim, name, raw_path, raw_query, sent)
    assert legacy_signature(SECRET, text) == claim.signature


@given(paths)
def test_paths_are_normalised_as_botocore_does(path: str) -> None:
    assert canonical_path(path) == quote(normalize_url_path(path), safe="/~")


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8)), min_size=1, max_size=6))
def test_a_query_that_is_encoded_otherwise_is_encoded_anew(pairs: list[tuple[str, str]]) -> None:
    plain = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    sloppy = "&".join(f"{quote(name, safe='/:')}={quote(value, safe='/:@$!*')}" for name, value in pairs)
    assert canonical_query(sloppy) == canonical_query(plain)
    assert canonical_query(plain.replace("%20", "+")) == canonical_query(plain)


def test_spaces_in_headers_are_folded_and_bytes_of_utf8_are_not() -> None:
    assert signing.header_value("  a \t b  ") == "a b"
    # 0xA0 is a space to Python's str.split, and the second byte of an à to its sender.
    assert signing.header_value("\xc3\xa0  x") == "\xc3\xa0 x"


def test_the_example_of_chunked_uploads_in_the_s3_reference() -> None:
    """ "Example: PUT object" of "Signature calculations ... transferring payload in multiple chunks"."""
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    claim = signing.Claim(
        KEY, "20130524", "us-east-1", "s3", "20130524T000000Z", ("host",),
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    )  # fmt: skip
    key = claim.key(secret)
    first = signing.chunk_signature(claim, key, claim.signature, sha256(b"a" * 65536).hexdigest())
    assert first == "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
    second = signing.chunk_signature(claim, key, first, sha256(b"a" * 1024).hexdigest())
    assert second == "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
    last = signing.chunk_signature(claim, key, second, signing.EMPTY_SHA256)
    assert last == "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"


GOOD = (
    f"AWS4-HMAC-SHA256 Credential={KEY}/20261124/us-east-1/sts/aws4_request,SignedHeaders=host,Signature=ab"
)


@pytest.mark.parametrize(
    ("authorization", "date", "said"),
    [
        ("AWS4-HMAC-SHA256 nonsense", "20261124T000000Z", "requires 'Credential'"),
        (GOOD.replace(",Signature=ab", ""), "20261124T000000Z", "requires 'Signature'"),
        (GOOD.replace("/aws4_request", ""), "20261124T000000Z", "slash-delimited"),
        (GOOD, "20261125T000000Z", "does not match"),
        (GOOD, "yesterday", "'X-Amz-Date'"),
        (GOOD, "20261124T990000Z", "ISO-8601"),
        (GOOD.replace("=host", "=date"), "20261124T000000Z", "'SignedHeader'"),
    ],
)
def test_a_malformed_header_says_what_is_wrong(authorization: str, date: str, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        header_claim({"authorization": authorization, "x-amz-date": date})


def test_the_date_header_serves_where_there_is_no_amz_date() -> None:
    claim = header_claim({"authorization": GOOD, "date": "Tue, 24 Nov 2026 22:58:01 GMT"})
    assert claim is not None
    assert claim.timestamp == "20261124T225801Z"
    assert claim.time == 1795561081.0


@pytest.mark.parametrize("expires", ["", "0", "604801", "-1", "x", "²"])
def test_a_presigned_url_is_good_for_a_week_at_most(expires: str) -> None:
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{KEY}/20261124/us-east-1/s3/aws4_request",
        "X-Amz-Date": "20261124T000000Z", "X-Amz-SignedHeaders": "host", "X-Amz-Signature": "ab", "X-Amz-Expires": expires,
    }  # fmt: skip
    with pytest.raises(Malformed, match="X-Amz-Expires"):
        query_claim(query)
