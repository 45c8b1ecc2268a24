"""Which names call for masking, and which only look as if they did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.key_rule import HEADER_WORDS, QUERY_WORDS, KeyRule, compact

SENSITIVE = """
password passwords passwd pwd Password PASSWORD pass_word user_password userPassword
UserPassword user-password passwordConfirmation password_confirmation confirmPassword
password1 password2 newPassword2 dbpassword dbpasswordconfirm mysql_passwd passphrase
pass pw passcode secret secrets client_secret clientSecret CLIENT_SECRET client-secret
clientsecret app.secret aws_secret_access_key token access_token accessToken access-token
AccessToken ACCESS_TOKEN accesstoken usertoken id_token refreshToken refresh_tokens
api_tokens device_tokens csrf_token csrfmiddlewaretoken X-CSRF-Token xsrf api_key apiKey
APIKey API_KEY api-key api_keys apikey apikeys myapikey x_api_key X-Api-Key private_key
privateKey sshPrivateKey ssh_keys signing_key encryptionKey masterKey access_key
AWSAccessKeyId auth auth_code authorization_code authorization Authorization bearer jwt JWT
jwtToken credential credentials creds cvv CVV2 cvc cvc2 cardNumber card_number card_no card
credit_card creditCard debit_card cc_number pan otp totp 2fa_code mfa_code one_time_code pin
PIN pinCode ssn SSN social_security_number iban accountNumber routing_number passport_number
session_id sessionId SESSIONID PHPSESSID JSESSIONID session_key sid sig signature
X-Amz-Signature hmac security_code verification_code recovery_codes backupCodes
security_answer code_verifier client_assertion assertion SAMLResponse connection_string
mnemonic seed_phrase device_code cookie user[password] filter[0].secret password_hint
""".split()

INNOCENT = """
author authors authored authority authority_id authentic authenticate authenticated_at
nextPageToken page_token NextContinuationToken sync_token methods_supported
passenger passengers passage passing passive passport passport_country compass compassion
bypass surpass tokenizer tokenize tokenization tokens max_tokens prompt_tokens total_tokens
token_type tokenType token_count token_limit token_endpoint token_expires_at keyboard
keyboards key keys monkey monkeys turkey keystone keyword keywords primary_key foreign_key
partition_key idempotency_key session session_count session_length secretary secretariat
secretion pinned pinning pinterest pink pine opinion spin spinning shipping shopping mapping
typing passwordless passwordless_login password_changed_at passwordStrength password_policy
password_required password_length pin_enabled card_type card_brand discard discarded
scorecard postcard cardinal wildcard signed design designer signal assign assignee
significant pants pane panel company expand span sidebar side inside outside president
resident siding code codes zip_code country_code status_code error_code barcode
description credits credit creditor discredit number account accounts account_name
cookies_enabled cookie_policy private privacy public_key_type hash hashtag name first_name
username user user_id id uuid email url title timecode mail_address ibanez jwtless
""".split()


@pytest.mark.parametrize("name", SENSITIVE)
def test_a_sensitive_name_calls_for_masking_however_it_is_spelled(name: str) -> None:
    assert KeyRule()[name] is not None


@pytest.mark.parametrize("name", INNOCENT)
def test_an_innocent_name_stays(name: str) -> None:
    assert KeyRule()[name] is None


@pytest.mark.parametrize(
    "name", ["Passwort", "mot_de_passe", "contraseña", "senha", "wachtwoord", "lösenord", "密码"]
)
def test_a_password_is_one_in_other_languages_too(name: str) -> None:
    assert KeyRule()[name] is not None


def test_the_tables_are_worth_their_name() -> None:
    assert len(set(SENSITIVE)) >= 60
    assert len(set(INNOCENT)) >= 60


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ｐａｓｓｗｏｒｄ", id="fullwidth letters"),
        pytest.param("ＡＰＩ＿ＫＥＹ", id="fullwidth capitals and underscore"),
        pytest.param("𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝", id="mathematical bold"),
        pytest.param("pass\u200bword", id="a zero-width space inside"),
        pytest.param("pass\xadword", id="a soft hyphen inside"),
        pytest.param("  password  ", id="blanks around"),
        pytest.param("pass word", id="a blank inside"),
        pytest.param("PassWord", id="camel case in the wrong place"),
        pytest.param("password\x00", id="a NUL at the end"),
        pytest.param("passwo\u0301rd", id="an accent above a letter"),
        pytest.param("p\u0430ssw\u043erd", id="letters of another script that look the same"),
        pytest.param("\ud800password", id="a lone surrogate in front"),
    ],
)
def test_a_disguise_does_not_help(name: str) -> None:
    assert KeyRule()[name] is not None


@pytest.mark.parametrize(
    "name",
    [
        *"Authorization Proxy-Authorization Cookie Set-Cookie X-Auth X-Auth-Token".split(),
        *"X-Api-Key Api-Key X-Session X-CSRF-Token X-Hub-Signature-256 Stripe-Signature".split(),
        *"X-Shopify-Hmac-Sha256 X-Amz-Security-Token X-Vault-Token X-Functions-Key".split(),
        *"Ocp-Apim-Subscription-Key DPoP Cf-Access-Jwt-Assertion X-Goog-Api-Key".split(),
    ],
)
def test_a_sensitive_header_calls_for_masking(name: str) -> None:
    assert KeyRule(anywhere=HEADER_WORDS)[name] is not None


@pytest.mark.parametrize(
    "name",
    [
        *"Host Accept User-Agent Content-Type Idempotency-Key Sec-WebSocket-Key".split(),
        *"WWW-Authenticate X-Author X-Request-Id Keep-Alive Forwarded If-None-Match".split(),
        *"X-Session-Count Access-Control-Allow-Credentials-Required X-Pinned".split(),
    ],
)
def test_an_innocent_header_stays(name: str) -> None:
    assert KeyRule(anywhere=HEADER_WORDS)[name] is None


def test_a_query_has_short_secrets_of_its_own() -> None:
    query = KeyRule(alone=QUERY_WORDS)
    assert [name for name in ("code", "key", "session", "zip_code", "keys") if query[name]] == [
        "code",
        "key",
        "session",
    ]


@pytest.mark.parametrize("spelling", ["taxNumber", "tax-number", "TAX_NUMBER", "tax number"])
def test_a_name_that_the_user_adds_counts_in_every_spelling(spelling: str) -> None:
    assert KeyRule(added=["tax_number"])[spelling] == "option"


@pytest.mark.parametrize("name", ["отчество", "电话", "teléfono", "numero_de_piece"])
def test_a_name_in_any_script_can_be_added(name: str) -> None:
    rules = KeyRule(added=[name])
    assert rules[name] == "option"
    assert rules["anything"] is None


def test_what_the_user_takes_off_the_rules_stays_in_every_spelling() -> None:
    rules = KeyRule(added=["session_id"], unmasked=["session_id", "Token"])
    assert rules["sessionId"] is None
    assert rules["token"] is None
    assert rules["access_token"] is not None
    assert rules.spares("TOKEN")
    assert not rules.spares("access_token")


def test_a_default_rule_names_itself_even_when_the_user_adds_the_same_name() -> None:
    assert KeyRule(added=["password"])["password"] == "password"


def test_verdicts_are_remembered_but_not_without_end() -> None:
    rules = KeyRule()
    for number in range(12_000):
        assert rules[f"field{number}x"] is None
    assert len(rules) == 10_000
    assert rules["password"] == "password"
    assert len(rules) == 10_000


def test_a_very_long_name_is_judged_and_not_remembered() -> None:
    rules = KeyRule()
    assert rules["a_" * 100_000 + "password"] == "password"
    assert len(rules) == 0


@given(st.text())
def test_whatever_name_is_added_counts_unless_nothing_of_it_can_be_compared(name: str) -> None:
    assert (KeyRule(added=[name])[name] is not None) == bool(compact(name))


@given(st.sampled_from(["password", "api key", "client secret", "card number"]), st.data())
def test_separators_and_case_never_matter(name: str, data: st.DataObject) -> None:
    words = [
        data.draw(st.sampled_from([word, word.upper(), word.title()])) for word in name.split()
    ]
    separator = data.draw(st.sampled_from(["_", "-", " ", ".", ":", "/", "__"]))
    assert KeyRule()[separator.join(words)] is not None
