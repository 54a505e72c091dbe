"""The dialect of OpenStack's Designate for floating IPs, and a small Keystone. Read `dialect.OpenStackApi` first."""
