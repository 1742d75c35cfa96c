-- Surrogate keys: a keyed hash of issuer and natural key, never of load time. Person keys are not made here, nor in
-- any SQL. Without the secret, which stays in the vault, nobody can try numbers until one gives the key: of a natural
-- person's decision not even its number is published. 128 bits of the hash, so that nothing can be appended to what
-- was hashed.
{% macro key(issuer, columns) -%}
    {{- return(adapter.dispatch('key', 'citylake')(issuer, columns)) -}}
{%- endmacro %}

{% macro default__key(issuer, columns) -%}
    left(
        sha256(
            (select keeper.record_secret from {{ source('identity', 'keeper') }} as keeper)
            || '|{{ issuer }}' {%- for column in columns %} || '|' || {{ column }}{% endfor %}
        ),
        32
    )
{%- endmacro %}
