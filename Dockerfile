# Ratchet on a CPU: the service with its embedded demo. State is in /data; put it on a volume.
#   docker build -t ratchet . && docker run -p 127.0.0.1:7860:7860 -v ratchet:/data ratchet
ARG BASE=python:3.12-slim
FROM ${BASE}
# gcc: torch.compile kernels that vLLM may build on a CPU; numactl's library: vLLM's CPU worker links it; Tesseract reads scans.
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ libnuma1 make tesseract-ocr tesseract-ocr-kor && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements/ requirements/
RUN pip install --no-cache-dir --no-deps --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu \
      "$(grep '^torch==' requirements/cpu.txt)" && \
    pip install --no-cache-dir --no-deps -r requirements/cpu.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e . && \
    useradd --create-home --uid 1000 ratchet && mkdir /data && chown ratchet /data
USER ratchet
# Inside a container loopback reaches nobody; off loopback the API wants a cookie or a key.
ENV RATCHET_HOME=/data RATCHET_HOST=0.0.0.0
EXPOSE 7860
HEALTHCHECK --start-period=120s CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/readyz', timeout=3)"
CMD ["ratchet", "up"]
