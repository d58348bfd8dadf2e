# An image that is one static program.
FROM scratch
ARG PROGRAM
COPY ${PROGRAM} /usr/local/bin/${PROGRAM}
ENV PATH=/usr/local/bin
