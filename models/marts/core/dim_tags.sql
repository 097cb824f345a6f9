with tags as (

    select * from {{ ref('tags') }}

)

select
    tag,
    tag_label,
    category,
    study_bucket
from tags
