# DescribeSSLStatus of cdb 2017-03-20.
# Needs: pip install tccli
# Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
tccli cdb DescribeSSLStatus --endpoint http://127.0.0.1:7780 --region ap-guangzhou \
    --InstanceId cdb-c1nl9rpv
