"""The dialect of Huawei Cloud's DNS API for PTR records; it only translates. Read `dialect.HuaweiApi` first."""
