"""Every rate and amount of the synthetic city, in one place; nothing here computes.

Defects are those that real extracts have, at fixed rates which the tests measure:

========================= ======= =============================================================================
``ID_MISSING``             5 %    of person records carry no citizen id
``ID_MISTYPED``            1 %    of person records carry an id with one digit wrong or two neighbours swapped
``ID_OLD_FORM``            0.2 %  of person records carry the fifteen-digit form of an id
``NAME_VARIANT``           3 %    of person records spell the name otherwise (homophone, space, traditional form)
``ADDRESS_OUT_OF_DATE``    20 %   of person records name the address, and its division, before the last move
``REGISTERED_TWICE``       0.5 %  of persons have a second record in the same register
``FORMER_DISTRICT``        0.2 %  of person records name a district of before 2015 as division of residence
``ENTITY_CODE_MISTYPED``   0.2 %  of entity records carry a code with one character wrong
``ENTITY_CODE_OLD_FORM``   2 %    of entities of before 2015 carry the fifteen-digit registration number
``ENTITY_TYPE_MISSING``    20 %   of entity records carry no type
``ENTITY_LINE_REPEATED``   0.03 % of entity records are delivered twice, word for word
``PERMIT_LAPSE_UNMARKED``  5 %    of permits that lapsed are still marked as valid
``EMPLOYER_CODE_MISTYPED`` 0.5 %  of spells of insurance carry a code of an employer with one character wrong
``INSURED_BIRTH_DATE_MISSING`` 1 % of the insured carry no birth date
``INSURED_SEX_MISSING``    1 %    of the insured carry no sex
``INSURED_PHONE_MISSING``  10 %   of the insured carry no phone
``APPLICANT_PHONE_MISSING`` 15 %  of service cases of natural persons carry no phone
``CASE_DISTRICT_ONLY``     3 %    of cases are located to a district only
``CASE_UNLOCATED``         1 %    of cases are not located at all
``MALFORMED``              0.1 %  of the rows of every extract break their contract (see ``defects``)
========================= ======= =============================================================================

Ids and names that permits, insurance, licences, penalties and service cases carry are written with the habits of the
person register, codes of entities with those of the entity register.

Sources. Shares of districts, ages and sexes are round figures after the census of 2020, stated from memory: good
enough for a city that does not exist, to be confirmed before anything is concluded from them. The shares of spellings
of a capital follow a published list of Wuxi enterprises, the number of service cases a published figure (3 954 700 in
2019). Closure and on-time closure follow the published month that the indicators are tested against (93.7 % and
75.8 %). The defect rates are the project's own.
"""

ID_MISSING = 0.05
ID_MISTYPED = 0.01
ID_OLD_FORM = 0.002
NAME_VARIANT = 0.03
ADDRESS_OUT_OF_DATE = 0.20
REGISTERED_TWICE = 0.005
FORMER_DISTRICT = 0.002
MALFORMED = 0.001

PHONE_MISSING = 0.12
INSURED_BIRTH_DATE_MISSING = 0.01
INSURED_SEX_MISSING = 0.01
INSURED_PHONE_MISSING = 0.10
APPLICANT_PHONE_MISSING = 0.15
RESIDENCE_PRECISION = {"community": 0.90, "street": 0.065, "district": 0.025, "unknown": 0.01}
SHARE_MALE = 0.51
SHARE_BORN_HERE = 0.55
MOVED_OUT = 0.03
AGE_GROUPS = {
    (0, 5): 0.038,
    (5, 15): 0.091,
    (15, 25): 0.094,
    (25, 35): 0.150,
    (35, 45): 0.158,
    (45, 55): 0.172,
    (55, 65): 0.145,
    (65, 75): 0.098,
    (75, 85): 0.040,
    (85, 100): 0.014,
}
DISTRICT_SHARES = {
    "320205": 0.119,
    "320206": 0.118,
    "320211": 0.123,
    "320213": 0.133,
    "320214": 0.097,
    "320281": 0.238,
    "320282": 0.172,
}
PERSONS_NEW_A_DAY = 0.0003
PERSONS_CHANGED_A_DAY = 0.002
PERSONS_CANCELLED_A_DAY = 0.0001
PERSONS_DELETED_A_DAY = 0.00005

ENTITIES_PER_RESIDENT = 0.13
ENTITY_CODE_MISTYPED = 0.002
ENTITY_CODE_OLD_FORM = 0.02
ENTITY_TYPE_MISSING = 0.20
ENTITY_LINE_REPEATED = 0.0003
ENTITY_DISTRICT_UNNAMED = 0.03
ENTITY_REVOKED = 0.02
ENTITY_MOVED_AWAY = 0.01
ENTITIES_CANCELLED_A_YEAR = 0.06
ENTITIES_GROWTH_YEARS = 9.0
ENTITIES_NEW_A_DAY = 0.0005
ENTITIES_CHANGED_A_DAY = 0.002
ENTITIES_CANCELLED_A_DAY = 0.0002

CASES_PER_RESIDENT_MONTH = 0.015
CASE_DISTRICT_ONLY = 0.03
CASE_STREET_ONLY = 0.16
CASE_UNLOCATED = 0.01
CASE_NOT_FILED = 0.04
CASE_SUSPENDED = 0.04
CASE_WITHOUT_POSITION = 0.02
CASE_CLOSED_ON_TIME = 0.76
CASE_CLOSED_LATE = 0.18
"""Within days. The rest stays open for weeks."""
CASE_OVERDUE_DAYS = (20, 60)
"""How long the rest stays open past its deadline: never closed, they would pile up from month to month."""
CASE_MONTHS_BEFORE = 3
"""Months before the history from which cases still go on: the longest life, limit and suspension included."""
CASE_HANDLED_ON_TIME_CLOSED_LATE = 0.4
"""Share of the cases closed late that were handled in time."""
CASE_SOURCES = {"collector": 0.62, "public": 0.24, "leader": 0.02, "transfer": 0.04, "video": 0.08}
CASE_PHONE = 0.6
"""Share of the public's reports that carry a phone."""

OUTSIDERS_PER_RESIDENT = 0.03
"""People who live in the city and are not in its register, for each who is."""
PERMITS_PER_RESIDENT = 0.12
"""Share of registered adults who have a residence permit; all adult outsiders have one."""
PERMIT_LAPSED = 0.15
PERMIT_LAPSE_UNMARKED = 0.05
PERMIT_CANCELLED = 0.04
PERMITS_NEW_A_DAY = 0.0005
PERMITS_RENEWED_A_DAY = 0.002
PERMITS_CANCELLED_A_DAY = 0.0002

EMPLOYED = 0.55
"""Share of those of working age who are, or were, insured by an employer."""
EMPLOYED_YEARS = 4.0
"""Mean years since somebody began with the present employer."""
EMPLOYMENT_ENDS_YEARS = 30.0
"""Mean years from there until it ends without another beginning."""
EMPLOYER_CHANGED = 0.3
"""Share of the insured whose employer before the present one is on record too."""
EMPLOYER_CODE_MISTYPED = 0.005
ENTITIES_THAT_EMPLOY = 0.3
INSURANCE_SUSPENDED = 0.02
INSURED_BY_INSTITUTION = 0.03

LICENCES_PER_RESIDENT_MONTH = 0.0015
LICENCE_WITHDRAWN = 0.01
PENALTIES_PER_RESIDENT_MONTH = 0.0005
PENALTY_OF_A_PERSON = 0.25

SERVICE_CASES_PER_RESIDENT_MONTH = 0.05
PROJECTS_PER_RESIDENT_MONTH = 0.0003
SERVICE_NOT_ACCEPTED = 0.015
SERVICE_SUSPENDED = 0.03
SERVICE_LATE = 0.01
SERVICE_AT_ONCE = 0.6
"""Share of the cases promised within a day that are done while the applicant waits."""
SERVICE_AT_CITY_HALL = 0.05
SERVICE_AT_STREET_HALL = 0.35
SERVICE_CHANNELS = {"window": 0.38, "online": 0.34, "app": 0.22, "self_service": 0.06}
SERVICE_RESULTS = {"granted": 0.965, "refused": 0.015, "withdrawn": 0.02}
SERVICE_MONTHS_BEFORE = 8
"""Months before the history from which cases still go on: a project's approvals stretch over as many."""
