-- Registered capital as written in the register: "400万人民币", "8(万美元)", "50(万元人民币)", "(万)", …
-- A number, 万 (ten thousand) or nothing, and a currency; no currency means yuan. What is written otherwise is null.
{% macro capital_amount(text) -%}
    case
        when {{ capital_currency(text) }} is not null
            then
                try_cast(replace(regexp_extract({{ text }}, '^[0-9][0-9,]*(\.[0-9]+)?'), ',', '') as decimal(18, 6))
                * case when {{ text }} like '%万%' then 10000 else 1 end
    end
{%- endmacro %}

{% macro capital_currency(text) -%}
    case regexp_extract({{ text }}, '^[0-9][0-9,]*(?:\.[0-9]+)?\s*[(（]?万?([^万()（）]*)[)）]?$', 1)
        {%- for currency, names in {
            'CNY': ['元', '人民币', '人民币元', '元人民币'],
            'USD': ['美元'],
            'JPY': ['日元'],
            'HKD': ['港元', '港币'],
            'EUR': ['欧元'],
            'GBP': ['英镑'],
            'TWD': ['新台币'],
            'CAD': ['加元'],
            'AUD': ['澳元'],
            'CHF': ['瑞士法郎'],
            'SGD': ['新加坡元'],
            'KRW': ['韩元'],
        }.items() %}
        {%- for name in names %}
        when '{{ name }}' then '{{ currency }}'
        {%- endfor %}
        {%- endfor %}
        when '' then case when regexp_matches({{ text }}, '^[0-9][0-9,]*(\.[0-9]+)?\s*[(（]?万?[)）]?$') then 'CNY' end
    end
{%- endmacro %}
