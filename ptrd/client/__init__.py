"""DNS as a client: resolvers are asked what names lead to, and other name servers what they serve.

It may import `records` and `wire`; dnspython speaks, since nothing here is on the answering path. What came is given as
values; what it means is decided in `records`, `control` and by whoever asked. Begin with `endpoints.Endpoint`,
then `resolver.Resolver` for names and `examine.Examiner` for delegations.
"""
