{{ config(materialized='table', post_hook="{{ account_for_event_days() }}") }}

{% if var('token_basis') not in ['native', 'normalized'] -%}
    {{ exceptions.raise_compiler_error("var token_basis is '" ~ var('token_basis') ~ "'. Set it to native or normalized.") }}
{%- endif %}

with file_days as (

    select * from {{ ref('int_generation_file_days') }}
    where not is_quarantined

),

superseded as (

    select * from {{ ref('int_generations_superseded') }}

),

labels as (

    select * from {{ ref('int_classification_labels') }}

),

-- A landed file never changes under its key: which files a day has records of, and how many, says which records.
records as (

    select
        event_date,
        cast(sum(raw_rows) as bigint) as usable_records,
        bit_xor({{ row_fingerprint(['file_key', 'id_partition', 'raw_rows']) }}) as fingerprint
    from file_days
    group by event_date

),

copies as (

    select
        event_date,
        count(*) as superseded_records,
        bit_xor({{ row_fingerprint(['file_key', 'file_row_number']) }}) as fingerprint
    from superseded
    group by event_date

),

-- depends_on: {{ ref('int_account_countries') }}
countries as (

    select
        event_date,
        country_version
    from {{ account_country_days() }}
    where event_date is not null

),

all_countries as (

    select max(country_version) as country_version
    from {{ account_country_days() }}
    where event_date is null

),

record_versions as (

    select
        records.event_date,
        records.usable_records - coalesce(copies.superseded_records, 0) as accepted_records,
        {{ row_fingerprint([
            'records.fingerprint', 'records.usable_records', 'copies.fingerprint', 'copies.superseded_records',
            "'" ~ var('token_basis') ~ "'",
        ]) }} as record_version,
        countries.country_version
    from records
    left join copies on records.event_date = copies.event_date
    left join countries on records.event_date = countries.event_date

),

usage_versions as (

    select
        record_versions.event_date,
        record_versions.accepted_records,
        record_versions.record_version,
        {{ usage_version(
            'record_versions.record_version', 'record_versions.country_version', 'all_countries.country_version'
        ) }} as usage_version
    from record_versions
    cross join all_countries

),

-- Labels by the partition of the id, which record and label have in common.
labels_by_partition as (

    select
        id_partition,
        count(*) as labels,
        bit_xor({{ row_fingerprint(['generation_id', 'category_path', 'is_primary', 'label_weight']) }}) as fingerprint
    from labels
    group by id_partition

),

partitions_of_days as (

    select distinct
        event_date,
        id_partition
    from file_days

),

labels_by_day as (

    select
        partitions_of_days.event_date,
        bit_xor({{ row_fingerprint([
            'labels_by_partition.id_partition', 'labels_by_partition.labels', 'labels_by_partition.fingerprint',
        ]) }}) as fingerprint
    from partitions_of_days
    inner join labels_by_partition on partitions_of_days.id_partition = labels_by_partition.id_partition
    group by partitions_of_days.event_date

)

select
    usage_versions.event_date,
    {{ month_start('usage_versions.event_date') }} as month_start,
    usage_versions.accepted_records,
    usage_versions.record_version,
    usage_versions.usage_version,
    case
        when labels_by_day.fingerprint is not null
            then {{ row_fingerprint(['usage_versions.usage_version', 'labels_by_day.fingerprint']) }}
    end as label_version
from usage_versions
left join labels_by_day on usage_versions.event_date = labels_by_day.event_date
