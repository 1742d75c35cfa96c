-- Whether a step of a case came in time: true or false once that is decided, null before. Reads deadline and run.
-- A step that came before the case's clock was stopped is in time: the deadline will be later than the stop.
{% macro is_on_time(step) -%}
    case
        when deadline.case_code is null then cast(null as boolean)
        when {{ step }} is null then case when {{ local_date('deadline.due_at') }} <= run.as_of_date then false end
        when deadline.is_clock_stopped then true
        else {{ step }} <= deadline.due_at
    end
{%- endmacro %}
