"""How hard it is to recognise people and organisations in the synthetic city: the rates of what gets in the way.

The default is the documented city of ``rates``. Rows that break their contract are no part of it: they are not linked.
"""

from dataclasses import dataclass, fields, replace

from sample_city import rates


@dataclass(frozen=True)
class Defects:
    """What is wrong in records, as shares between 0 and 1; what each means, ``rates`` says."""

    id_missing: float = rates.ID_MISSING
    id_mistyped: float = rates.ID_MISTYPED
    id_old_form: float = rates.ID_OLD_FORM
    name_variant: float = rates.NAME_VARIANT
    address_out_of_date: float = rates.ADDRESS_OUT_OF_DATE
    registered_twice: float = rates.REGISTERED_TWICE
    phone_missing: float = rates.PHONE_MISSING
    entity_code_mistyped: float = rates.ENTITY_CODE_MISTYPED
    entity_code_old_form: float = rates.ENTITY_CODE_OLD_FORM
    employer_code_mistyped: float = rates.EMPLOYER_CODE_MISTYPED
    insured_birth_date_missing: float = rates.INSURED_BIRTH_DATE_MISSING
    insured_sex_missing: float = rates.INSURED_SEX_MISSING
    insured_phone_missing: float = rates.INSURED_PHONE_MISSING
    applicant_phone_missing: float = rates.APPLICANT_PHONE_MISSING

    def __post_init__(self) -> None:
        """Raises ValueError for a share that cannot be."""
        wrong = [name.name for name in fields(self) if not 0 <= getattr(self, name.name) <= 1]
        if wrong or self.id_missing + self.id_mistyped + self.id_old_form > 1:
            raise ValueError(f"Defects are shares between 0 and 1, those of ids together too: {', '.join(wrong)}")

    def times(self, factor: float, ids_missing: float | None = None) -> "Defects":
        """As many times these rates, none above 1; the share of ids missing may be given by itself."""
        scaled = {name.name: min(1.0, factor * getattr(self, name.name)) for name in fields(self)}
        return replace(self, **scaled | ({} if ids_missing is None else {"id_missing": ids_missing}))


DOCUMENTED = Defects()
"""The city of ``rates``."""
