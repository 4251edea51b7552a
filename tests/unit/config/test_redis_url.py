"""One understanding of FLUX_REDIS_URL: what each form means to Celery, and that no refusal shows a password."""

import ssl

import pytest

from config.redis_url import read_redis_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis://redis", "redis://redis:6379/0"),
        ("redis://", "redis://127.0.0.1:6379/0"),
        ("redis://:sesame@10.0.0.7:6380/3", "redis://:sesame@10.0.0.7:6380/3"),
        ("redis://flux:p%40ss%2Fw@[::1]:6379/1", "redis://flux:p%40ss%2Fw@[::1]:6379/1"),
        ("redis://redis?db=2", "redis://redis:6379/2"),
        ("rediss://:sesame@redis", "rediss://:sesame@redis:6379/0"),
        ("unix:///run/redis.sock?db=2", "redis+socket:///run/redis.sock?virtual_host=2"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix://:sesame@/run/redis.sock", "redis+socket://:sesame@/run/redis.sock?virtual_host=0"),
        ("redis+socket:///run/redis.sock?password=a/b", "redis+socket://:a%2Fb@/run/redis.sock?virtual_host=0"),
        ("sentinel://:s@a,b:26380/1?master=m", "sentinel://:s@a:26379/1;sentinel://:s@b:26380/1"),
        ("sentinel://a;sentinel://b:1?master_name=m", "sentinel://a:26379/0;sentinel://b:1/0"),
    ],
)
def test_each_form_is_put_in_celerys_words(text: str, url: str) -> None:
    assert read_redis_url(text).url == url


def test_sentinels_are_told_from_their_master() -> None:
    options = read_redis_url("sentinel://:sesame@a/0?master=flux&sentinel_password=open").options
    assert options["master_name"] == "flux"
    assert options["sentinel_kwargs"]["password"] == "open"
    assert "password" not in read_redis_url("sentinel://:sesame@a/0?master=flux").options["sentinel_kwargs"]


def test_tls_is_checked_unless_it_is_told_not_to_be() -> None:
    assert read_redis_url("redis://redis").tls is None
    assert read_redis_url("rediss://redis").tls == {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    told = read_redis_url("rediss://redis?ssl_cert_reqs=CERT_NONE&ssl_check_hostname=false&ssl_ca_certs=/ca.pem").tls
    assert told == {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False, "ssl_ca_certs": "/ca.pem"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("http://:sesame@redis", "redis://"),
        ("redis:/:sesame@redis", "redis://"),
        ("rediss+sentinel://:sesame@redis", "redis://"),
        ("redis://:sesame@redis:port/0", "%XX"),
        ("redis://:ses/ame@redis/0", "%XX"),
        ("redis://:ses?ame=x@redis/0", "%XX"),
        ("redis://:sesame@a:1,b:2/0", "redis://"),
        ("redis://:sesame@redis/zero", "number"),
        ("redis://:sesame@redis?timeout=5", "timeout"),
        ("rediss://:sesame@redis?ssl_cert_reqs=maybe", "required"),
        ("unix://run/redis.sock", "slash"),
        ("unix://", "slash"),
        ("sentinel://:sesame@a/0", "master"),
    ],
)
def test_what_is_refused_says_how_it_is_written_and_shows_no_password(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word) as refusal:
        read_redis_url(text)
    assert not any(piece in str(refusal.value) for piece in ("sesame", "ses", "ame="))
