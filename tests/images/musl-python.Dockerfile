# An image without glibc that has a Python: musl, busybox and CPython compiled against musl, all from Debian's source
# and binary packages, since an Alpine image cannot be pulled everywhere.
FROM debian:bookworm-slim AS build
RUN sed -n '/security/!s/^deb /deb-src /p' /etc/apt/sources.list >/etc/apt/sources.list.d/source.list \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      busybox-static dpkg-dev gcc libc6-dev linux-libc-dev make musl-tools xz-utils >/dev/null
WORKDIR /src
RUN apt-get source -qq --download-only python3.11 libffi \
    && mkdir python ffi && tar -xf python3.11_*.orig.tar.* -C python --strip-components 1 \
    && tar -xf libffi_*.orig.tar.* -C ffi --strip-components 1
# The kernel's headers alone: what stands beside them is glibc's.
RUN mkdir /headers \
    && ln -s /usr/include/linux /headers/linux \
    && ln -s /usr/include/asm-generic /headers/asm-generic \
    && ln -s "/usr/include/$(gcc -print-multiarch)/asm" /headers/asm
ENV CC=musl-gcc
RUN cd ffi \
    && CFLAGS="-O1 -fPIC -idirafter /headers" ./configure --host="$(uname -m)-linux-musl" --disable-shared \
      --disable-docs --prefix=/ffi >/dev/null 2>&1 \
    && make -j2 >/dev/null 2>&1 && make install >/dev/null
# configure asks the compiler for its triplet, and setup.py adds that one's (glibc's) headers: neither is musl's.
RUN cd python \
    && sed -i 's/as_fn_error $? "internal configure error for the platform triplet[^"]*" "$LINENO" 5/MULTIARCH=$PLATFORM_TRIPLET/' configure \
    && sed -i 's/^    def add_multiarch_paths(self):/&\n        return/' setup.py \
    && CPPFLAGS="-idirafter /headers" CFLAGS="-O1 -g0" ./configure --prefix=/usr/local --without-ensurepip \
      --disable-test-modules >/dev/null 2>&1 \
    && make -j2 >/log 2>&1 && make install DESTDIR=/root >>/log 2>&1
RUN cd python/Modules/_ctypes \
    && musl-gcc -shared -fPIC -O1 -I../.. -I../../Include -I../../Include/internal -I/ffi/include \
      -DHAVE_FFI_PREP_CIF_VAR=1 -DHAVE_FFI_PREP_CLOSURE_LOC=1 -DHAVE_FFI_CLOSURE_ALLOC=1 -DPy_BUILD_CORE_MODULE \
      _ctypes.c callbacks.c callproc.c stgdict.c cfield.c /ffi/lib/libffi.a \
      -o "/root/usr/local/lib/python3.11/lib-dynload/_ctypes.$(/root/usr/local/bin/python3 -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))').so"
# pip reads wheels with it.
RUN apt-get source -qq --download-only zlib \
    && mkdir zlib && tar -xf zlib_*.orig.tar.* -C zlib --strip-components 1 \
    && cd zlib && CFLAGS="-O1 -fPIC" ./configure --static >/dev/null && make -j2 libz.a >/dev/null \
    && musl-gcc -shared -fPIC -O1 -I../python/Include -I../python/Include/internal -I../python -I. -DPy_BUILD_CORE_MODULE \
      ../python/Modules/zlibmodule.c libz.a \
      -o "/root/usr/local/lib/python3.11/lib-dynload/zlib.$(/root/usr/local/bin/python3 -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))').so"
# pip imports it too; setup.py compiles it without the kernel's headers, and so not at all.
RUN cd python/Modules \
    && musl-gcc -idirafter /headers -shared -fPIC -O1 -I.. -I../Include -I../Include/internal -DPy_BUILD_CORE_MODULE socketmodule.c \
      -o "/root/usr/local/lib/python3.11/lib-dynload/_socket.$(/root/usr/local/bin/python3 -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))').so"
RUN mkdir -p /root/bin /root/lib /root/etc /root/tmp && chmod 1777 /root/tmp \
    && cp /bin/busybox /root/bin/ && for name in sh cat ls; do ln -s busybox /root/bin/$name; done \
    && cp /usr/lib/*-linux-musl/libc.so "/root/lib/ld-musl-$(uname -m).so.1" \
    && rm -rf /root/usr/local/lib/python3.11/config-* /root/usr/local/lib/*.a /root/.[a-z]*

FROM scratch
COPY --from=build /root/ /
ENV PATH=/usr/local/bin:/bin
CMD ["python3"]
